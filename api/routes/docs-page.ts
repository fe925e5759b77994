/** The reference page: reads /openapi.json and lays it out. */
export const docsPage = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Mixdown API</title>
<style>
  :root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
  body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
  details { border: 1px solid color-mix(in srgb, currentColor 25%, transparent); border-radius: 6px; margin: .5rem 0; padding: .5rem .75rem; }
  summary { cursor: pointer; }
  code, pre { font: 14px/1.45 ui-monospace, monospace; }
  pre { overflow-x: auto; padding: .5rem; background: color-mix(in srgb, currentColor 7%, transparent); }
  .method { display: inline-block; min-width: 4.5rem; font-weight: 600; }
</style>
<h1>Mixdown API</h1>
<p id="about">Loading <a href="/openapi.json">openapi.json</a> …</p>
<main id="routes"></main>
<script src="/docs/reference.js"></script>
</html>`;

export const docsScript = `
const make = (tag, text, ...children) => {
  const node = document.createElement(tag);
  if (text) node.textContent = text;
  node.append(...children);
  return node;
};
const shape = (content) => {
  const schema = Object.values(content ?? {})[0]?.schema;
  return schema ? make("pre", JSON.stringify(schema, null, 2)) : "";
};
const describe = (path, method, route, document) => {
  const title = make("summary", "", Object.assign(make("code", method.toUpperCase()), { className: "method" }), make("code", path), " ", route.summary ?? "");
  const parameters = (route.parameters ?? []).map((one) =>
    make("li", one.name + " (" + one.in + (one.required ? ", required" : "") + ") " + JSON.stringify(one.schema ?? {})));
  const answers = Object.entries(route.responses ?? {}).map(([status, answer]) =>
    make("li", "", make("code", status), " " + (answer.description ?? ""), status < 300 ? shape(answer.content) : ""));
  return make("details", "", title, make("h4", parameters.length ? "Parameters" : ""), make("ul", "", ...parameters),
    make("h4", route.requestBody ? "Body" : ""), shape(route.requestBody?.content), make("h4", "Answers"), make("ul", "", ...answers));
};
const load = async () => {
  const document_ = await (await fetch("/openapi.json")).json();
  document.getElementById("about").textContent = document_.info.description + " Version " + document_.info.version + ".";
  const routes = document.getElementById("routes");
  for (const [path, methods] of Object.entries(document_.paths)) {
    for (const [method, route] of Object.entries(methods)) routes.append(describe(path, method, route, document_));
  }
  routes.append(make("h2", "Schemas"));
  for (const [name, schema] of Object.entries(document_.components?.schemas ?? {})) {
    routes.append(make("details", "", make("summary", "", make("code", name)), make("pre", JSON.stringify(schema, null, 2))));
  }
};
load().catch((error) => { document.getElementById("about").textContent = String(error); });
`;
