// What `check` of a saved config asks: the emulator of both APIs, and a webhook receiver, on free ports of this machine.
import { spawn } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { BIN, ROOT } from "./browser.mjs";

export const TOKENS = { squadstack: "emulator-token", webhooks: "pull-token-of-the-form-test" };

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Start a server; resolve with what it has printed once it answers. */
async function start(command, args, address, env = {}) {
  const child = spawn(join(BIN, command), args, { cwd: ROOT, env: { ...process.env, ...env }, stdio: "ignore" });
  for (;;) {
    if (child.exitCode !== null) throw new Error(`${command} ended with ${child.exitCode}`);
    const answer = await fetch(address).catch(() => undefined);
    if (answer) return child;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Start both; return their addresses and what stops them. */
export async function startServers() {
  const [api, webhooks] = [await freePort(), await freePort()];
  const address = (port) => `http://127.0.0.1:${port}`;
  const rows = ["--responses", "5", "--portal-leads", "2", "--calls-per-minute", "0"];
  const store = join(mkdtempSync(join(tmpdir(), "spec-form-")), "events.db");
  const children = await Promise.all([
    start("python", ["-m", "squadstack_emulator", "--port", String(api), ...rows], address(api)),
    start("webhooks-squadstack", ["serve", "--host", "127.0.0.1", "--port", String(webhooks)], address(webhooks), {
      WEBHOOKS_ENDPOINT_KEYS: "key-of-the-form-test-0001",
      WEBHOOKS_PULL_TOKEN: TOKENS.webhooks,
      WEBHOOKS_DATABASE_URL: `sqlite:///${store}`,
    }),
  ]);
  return { api: address(api), webhooks: address(webhooks), stop: () => children.forEach((child) => child.kill()) };
}
