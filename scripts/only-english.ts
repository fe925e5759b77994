import type { Plugin } from "esbuild";

/** zod brings its messages in fifty languages, all of which would be read at each start; English is what we speak. */
export const onlyEnglish: Plugin = {
  name: "only-english",
  setup(setup) {
    setup.onLoad({ filter: /[/\\]zod[/\\]v4[/\\]locales[/\\]index\.js$/ }, () => ({
      contents: `export { default as en } from "./en.js";`,
    }));
  },
};
