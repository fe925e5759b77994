import { Cleaner } from "./cleaner";

export default function Page() {
  return (
    <main>
      <h1>Clean a recording</h1>
      <Cleaner />
    </main>
  );
}
