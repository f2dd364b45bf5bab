// Builds the page and opens it in the machine's own Chromium.
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

import { build } from "esbuild";
import { chromium } from "playwright-core";

const HERE = fileURLToPath(new URL(".", import.meta.url));
export const ROOT = join(HERE, "../..");
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";

export const CONNECTORS = ["source", "destination"];

// Where the console scripts are.
export const BIN = process.env.BIN ?? join(ROOT, ".venv/bin");

/** Run a connector's console script; its messages, parsed. */
export function run(connector, ...args) {
  const lines = execFileSync(join(BIN, `${connector}-squadstack`), args, { encoding: "utf8", input: "" });
  return lines.split("\n").filter(Boolean).map((line) => JSON.parse(line));
}

/** The specifications, as the connectors print them. */
export function specs() {
  const spec = (connector) => run(connector, "spec").find(({ type }) => type === "SPEC").spec;
  return Object.fromEntries(CONNECTORS.map((connector) => [connector, spec(connector)]));
}

/** Write the page to a folder; return its address without the name of a connector. */
export async function buildPage(folder, specifications) {
  mkdirSync(folder, { recursive: true });
  const { outputFiles } = await build({
    entryPoints: [join(HERE, "form.jsx"), join(HERE, "form.css")],
    bundle: true,
    write: false,
    outdir: folder,
    jsx: "automatic",
    define: { "process.env.NODE_ENV": '"production"' },
  });
  const text = (end) => outputFiles.find(({ path }) => path.endsWith(end)).text;
  const data = JSON.stringify(specifications).replaceAll("<", "\\u003c");
  writeFileSync(
    join(folder, "index.html"),
    `<!doctype html><html lang="en"><meta charset="utf-8"><title>Specifications</title><style>${text(".css")}</style>` +
      `<div id="form"></div><script>window.SPECS = ${data}</script>` +
      `<script>${text(".js").replaceAll("</script", "<\\/script")}</script></html>`,
  );
  return pathToFileURL(join(folder, "index.html")).href;
}

export function launch() {
  // Chromium refuses its sandbox to root, which continuous integration is.
  const args = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run", "--font-render-hinting=none", "--force-color-profile=srgb"];
  return chromium.launch({ executablePath: CHROMIUM, args });
}
