// What a user sees of both specifications, what Airbyte's form saves of them, and what the connectors make of that.
//
// The form is this project's own page, which does as Airbyte's does (airbyte.mjs), in a real browser. PICTURES names the
// folder for the pictures and the table of cases; BIN the one of the console scripts.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { layout } from "./airbyte.mjs";
import { buildPage, CONNECTORS, launch, ROOT, run, specs } from "./browser.mjs";
import { startServers, TOKENS } from "./servers.mjs";

const PICTURES = process.env.PICTURES ?? join(ROOT, "build/spec_form");
const SPECS = specs();
const SCHEMAS = Object.fromEntries(CONNECTORS.map((name) => [name, SPECS[name].connectionSpecification]));
// Every pattern of the specifications refuses one of them. A blank is judged in a list only: alone, it is a field left empty.
const VIOLATIONS = ["a b", " "];

let browser;
let address;
let servers;

before(async () => {
  mkdirSync(PICTURES, { recursive: true });
  address = await buildPage(mkdtempSync(join(tmpdir(), "spec-form-")), SPECS);
  [browser, servers] = await Promise.all([launch(), startServers()]);
});
after(async () => {
  servers.stop();
  await browser.close();
});

const at = (page, path) => page.locator(`[id="${path}"]`);

/** The form of a connector after some steps: a choice made, an entry added, a text typed. */
async function form(connector, steps = [], given = undefined) {
  const page = await browser.newPage({ viewport: { width: 820, height: 900 } });
  const edit = given ? `&edit=${encodeURIComponent(JSON.stringify(given))}` : "";
  await page.goto(`${address}?${connector}${edit}`);
  await page.waitForSelector(".card");
  await unfold(page);
  for (const { choose, option, add, type, text } of steps) {
    if (choose) await at(page, choose).selectOption({ label: option });
    if (add) await at(page, `${add}:add`).click();
    if (type) await at(page, type).fill(text);
    await unfold(page);
  }
  return page;
}

const unfold = (page) => page.locator("details").evaluateAll((all) => all.forEach((each) => (each.open = true)));

/** Submit the form; return what it saved, or what it complained of. */
async function submit(page) {
  await page.click('button[type="submit"]');
  return page.evaluate(() => ({ saved: window.submitted, complaints: window.complaints }));
}

/** Every field that somebody can fill in: its path, its rules, and the steps that bring it there. */
function fields(schema, prefix = "", steps = []) {
  return layout(schema).flatMap((name) => {
    const rule = schema.properties[name];
    const path = prefix ? `${prefix}.${name}` : name;
    const own = { path, rule, required: schema.required?.includes(name) ?? false, steps };
    if (rule.oneOf) {
      return rule.oneOf.flatMap((option) => fields(option, path, [...steps, { choose: path, option: option.title }]));
    }
    if (rule.type === "object") return fields(rule, path, steps);
    if (rule.items?.type !== "object") return [own];
    return [own, ...fields(rule.items, `${path}.0`, [...steps, { add: path }])];
  });
}

/** Go through fields, one page for all that stand on it together. */
async function each(connector, wanted, look) {
  const found = fields(SCHEMAS[connector]).filter(wanted);
  assert.ok(found.length > 0);
  for (const path of new Set(found.map(({ steps }) => JSON.stringify(steps)))) {
    const page = await form(connector, JSON.parse(path));
    for (const field of found.filter(({ steps }) => JSON.stringify(steps) === path)) await look(page, field);
    await page.close();
  }
}

for (const connector of CONNECTORS) {
  const schema = SCHEMAS[connector];
  const choices = Object.entries(schema.properties).filter(([, rule]) => rule.oneOf);
  /** Whether a form begins like this: with the first option of each choice, and no entry in any list. */
  const begun = (steps) => steps.every(({ choose, option }) => choices.some(([n, r]) => n === choose && r.oneOf[0].title === option));

  describe(`${connector}: what is shown`, () => {
    test("its cards stand in the order of the groups, under their titles", async () => {
      const page = await form(connector);
      assert.deepEqual(await page.locator(".card h2").allTextContents(), schema.groups.map(({ title }) => title));
      await page.close();
    });

    test("every field shows its title and its help", async () => {
      await each(connector, () => true, async (page, { path, rule }) => {
        const label = rule.items?.type === "object" ? at(page, `${path}:add`).locator("xpath=../label") : page.locator(`label[for="${path}"]`);
        assert.ok((await label.innerText()).startsWith(rule.title), path);
        assert.equal(await at(page, `${path}:description`).innerText(), rule.description);
      });
    });

    test("an object within has no heading, so its fields explain themselves", async () => {
      const page = await form(connector);
      const text = await page.innerText("body");
      const within = Object.values(schema.properties).filter((rule) => rule.type === "object" && !rule.oneOf);
      for (const { description } of within) assert.ok(!text.includes(description));
      await page.close();
    });

    test("fields stand below each other in the order that Airbyte lays them out in", async () => {
      const page = await form(connector);
      const heights = [];
      for (const { path, rule } of fields(schema).filter(({ steps }) => begun(steps))) {
        const id = rule.items?.type === "object" ? `${path}:add` : path;
        heights.push([path.split(".")[0], (await at(page, id).boundingBox()).y]);
      }
      assert.ok(heights.length > 4);
      for (const section of new Set(heights.map(([name]) => name))) {
        const own = heights.filter(([name]) => name === section).map(([, y]) => y);
        assert.deepEqual(own, [...own].sort((a, b) => a - b), section);
      }
      await page.close();
    });

    test("what may stay empty says so, and what is required does not", async () => {
      const said = ({ rule }) => rule.type !== "boolean" && rule.items?.type !== "object";
      await each(connector, said, async (page, { path, required }) => {
        assert.equal(await page.locator(`label[for="${path}"] .optional`).count(), required ? 0 : 1, path);
      });
    });

    test("what is typed into a secret cannot be read, and only there", async () => {
      const typed = ({ rule }) => rule.type === "string" && !rule.enum;
      await each(connector, typed, async (page, { path, rule }) => {
        assert.equal(await at(page, path).getAttribute("type"), rule.airbyte_secret ? "password" : "text", path);
      });
    });

    test("a choice shows what it is about, and every option with what it means", async () => {
      const page = await form(connector);
      for (const [name, rule] of choices) {
        assert.equal((await page.locator(`label[for="${name}"]`).innerText()).trim(), rule.title);
        assert.deepEqual(await at(page, name).locator("option").allTextContents(), rule.oneOf.map(({ title }) => title));
        const meanings = await page.locator(`.choice:has([id="${name}"]) > .description.option`).allTextContents();
        assert.deepEqual(meanings, rule.oneOf.map(({ title, description }) => `${title}: ${description}`));
      }
      await page.close();
    });

    test("a value that does not match its pattern is answered in words", async () => {
      const patterned = ({ rule }) => rule.pattern ?? rule.items?.pattern;
      await each(connector, patterned, async (page, { path, rule }) => {
        const { pattern, pattern_descriptor: words } = rule.pattern ? rule : rule.items;
        const violation = VIOLATIONS.find((text) => !new RegExp(pattern).test(text.trim()));
        assert.ok(violation, `${path}: none of the texts violates ${pattern}`);
        await at(page, path).fill(violation);
        await submit(page);
        assert.equal(await at(page, `${path}:error`).innerText(), `The value must match the pattern ${words}`);
      });
    });

    test("whatever options are shown together, no two things on the page have one id", async () => {
      const last = choices.map(([name, rule]) => ({ choose: name, option: rule.oneOf.at(-1).title }));
      for (const steps of [[], last]) {
        const page = await form(connector, steps);
        const ids = await page.locator("[id]").evaluateAll((all) => all.map(({ id }) => id));
        assert.deepEqual(ids, [...new Set(ids)]);
        await page.close();
      }
    });
  });
}

// -- what is saved

const type = (section, values) => Object.entries(values).map(([name, text]) => ({ type: `${section}.${name}`, text }));
const choose = (path, option) => ({ choose: path, option });
const option = (connector, section, mode) =>
  SCHEMAS[connector].properties[section].oneOf.find(({ properties }) => properties.mode.const === mode);
const on = (connector, section) => choose(section, option(connector, section, "enabled").title);
const off = (connector, section) => choose(section, option(connector, section, "disabled").title);
const OFF = { mode: "disabled" };
const LOGIN = {
  username: "emulator-user",
  password: "emulator-password",
  domain: "emulator-tenant",
  account_id: "emulator-account",
};
const SINCE = "2024-01-01T00:00:00Z";

/** What is saved of fields that nobody touches: constants and defaults, of a choice those of its first option. */
function untouched({ properties }) {
  const values = Object.entries(properties).map(([name, rule]) => {
    const within = rule.oneOf?.[0] ?? (rule.type === "object" ? rule : undefined);
    return [name, within ? untouched(within) : rule.const ?? rule.default];
  });
  return Object.fromEntries(values.filter(([, value]) => value !== undefined && value !== ""));
}

/** What is saved besides the fields of a config that came without them: each object within, and no default in it. */
function shells({ properties }) {
  const objects = Object.entries(properties).filter(([, rule]) => rule.type === "object" && !rule.oneOf);
  return Object.fromEntries(objects.map(([name, rule]) => [name, shells(rule)]));
}

/** Sections that are switched on and filled in: what was entered, and the defaults of the rest. */
const filledIn = (connector, sections) =>
  Object.fromEntries(
    Object.entries(sections).map(([name, entered]) => {
      return [name, { ...untouched(option(connector, name, "enabled")), ...entered, mode: "enabled" }];
    }),
  );

function sourceCases({ api, webhooks }) {
  const rest = untouched(SCHEMAS.source);
  const asked = {
    squadstack: type("squadstack", { token: TOKENS.squadstack, "campaign_ids": "0PT711", start_date: SINCE, base_url: api }),
    contact_center: type("contact_center", { portal_url: api, ...LOGIN, start_date: SINCE }),
    webhooks: type("webhooks", { url: webhooks, token: TOKENS.webhooks }),
  };
  const plain = {
    squadstack: { token: TOKENS.squadstack, campaign_ids: ["0PT711"], start_date: SINCE, base_url: api },
    contact_center: { portal_url: api, ...LOGIN, start_date: SINCE },
    webhooks: { url: webhooks, token: TOKENS.webhooks },
  };
  const filled = filledIn("source", plain);
  const allOff = { squadstack: OFF, contact_center: OFF, webhooks: OFF };
  const alone = (name) => ({ ...rest, ...allOff, [name]: filled[name] });
  const source = (name) => [...(name === "squadstack" ? [] : [off("source", "squadstack"), on("source", name)]), ...asked[name]];
  const made = { squadstack: plain.squadstack };
  const kept = { ...shells(SCHEMAS.source), ...made };
  return {
    "SquadStack alone": { steps: source("squadstack"), saved: alone("squadstack") },
    "contact center alone": { steps: source("contact_center"), saved: alone("contact_center") },
    "webhooks alone": { steps: source("webhooks"), saved: alone("webhooks") },
    "all three": {
      steps: [on("source", "contact_center"), on("source", "webhooks"), ...Object.values(asked).flat()],
      saved: { ...rest, ...filled },
    },
    "nothing filled in": {
      steps: [],
      complaints: ["token", "campaign_ids", "start_date"].map((name) => [`squadstack.${name}`, "Required"]),
    },
    "every section switched off": {
      steps: [off("source", "squadstack")],
      saved: { ...rest, ...allOff },
      says: /^No section is filled in: the source needs `squadstack`/,
    },
    "a section switched off on edit": {
      given: { ...filled, num_workers: 4 },
      steps: [off("source", "contact_center")],
      saved: { ...shells(SCHEMAS.source), ...filled, contact_center: OFF, num_workers: 4 },
    },
    "a config of the API, edited": { given: made, steps: [], saved: kept },
    "a config of the API, a field changed": {
      given: { ...made, num_workers: 4 },
      steps: [{ type: "num_workers", text: "5" }],
      saved: { ...kept, num_workers: 5 },
    },
    "a config of the API, a section added": {
      given: made,
      steps: [on("source", "webhooks"), ...asked.webhooks],
      saved: { ...kept, webhooks: filled.webhooks },
    },
  };
}

function destinationCases({ api }) {
  const rest = untouched(SCHEMAS.destination);
  const asked = {
    squadstack: type("squadstack", { token: TOKENS.squadstack, base_url: api }),
    contact_center: type("contact_center", { portal_url: api, ...LOGIN }),
  };
  const plain = {
    squadstack: { token: TOKENS.squadstack, base_url: api },
    contact_center: { portal_url: api, ...LOGIN },
  };
  const filled = filledIn("destination", plain);
  const entry = SCHEMAS.destination.properties.streams.items;
  const upsert = { ...rest.default, ref_id: "ref-0PT711" };
  const ref = { type: "default.ref_id", text: "ref-0PT711" };
  const made = { squadstack: plain.squadstack, default: { ref_id: "ref-0PT711" } };
  const kept = { ...shells(SCHEMAS.destination), ...made };
  return {
    "SquadStack alone": {
      steps: [...asked.squadstack, ref],
      saved: { ...rest, squadstack: filled.squadstack, contact_center: OFF, default: upsert },
    },
    "contact center alone": {
      steps: [
        off("destination", "squadstack"), on("destination", "contact_center"), ...asked.contact_center,
        choose("default.api", "contact_center"), choose("default.operation", "add_lead"), { type: "default.campaign_id", text: "c-1" },
      ],
      saved: {
        ...rest, squadstack: OFF, contact_center: filled.contact_center,
        default: { ...rest.default, operation: "add_lead", api: "contact_center", campaign_id: "c-1" },
      },
    },
    both: {
      steps: [
        ...asked.squadstack, ref, on("destination", "contact_center"), ...asked.contact_center, { add: "streams" },
        { type: "streams.0.stream", text: "callbacks" }, choose("streams.0.api", "contact_center"), choose("streams.0.operation", "set_status"),
      ],
      saved: {
        ...rest, ...filled, default: upsert,
        streams: [{ ...untouched(entry), stream: "callbacks", operation: "set_status", api: "contact_center" }],
      },
    },
    "nothing filled in": { steps: [], complaints: [["squadstack.token", "Required"]] },
    "every section switched off": {
      steps: [off("destination", "squadstack")],
      saved: { ...rest, squadstack: OFF, contact_center: OFF },
      says: /^default and streams are both empty/,
    },
    "an operation chosen, and the choice taken back": {
      steps: [...asked.squadstack, ref, choose("default.operation", "delete"), choose("default.operation", "by_sync_mode")],
      saved: { ...rest, squadstack: filled.squadstack, contact_center: OFF, default: upsert },
    },
    "a section switched off on edit": {
      given: { ...filled, default: upsert, workers: 2 },
      steps: [off("destination", "contact_center")],
      saved: { ...shells(SCHEMAS.destination), squadstack: filled.squadstack, contact_center: OFF, default: upsert, workers: 2 },
    },
    "a config of the API, edited": { given: made, steps: [], saved: kept },
    "a config of the API, a field changed": {
      given: { ...made, workers: 4 },
      steps: [{ type: "workers", text: "5" }],
      saved: { ...kept, workers: 5 },
    },
    "a config of the API, a section added": {
      given: made,
      steps: [on("destination", "contact_center"), ...asked.contact_center],
      saved: { ...kept, contact_center: filled.contact_center },
    },
  };
}

const CASES = { source: sourceCases, destination: destinationCases };
const NAMES = Object.fromEntries(Object.entries(CASES).map(([name, of]) => [name, Object.keys(of({ api: "", webhooks: "" }))]));
const table = [];

/** What `check` says of a saved config. */
function checked(connector, config) {
  const path = join(mkdtempSync(join(tmpdir(), "spec-form-")), "config.json");
  writeFileSync(path, JSON.stringify(config));
  const [{ connectionStatus }] = run(connector, "check", "--config", path).filter(({ type }) => type === "CONNECTION_STATUS");
  return connectionStatus;
}

for (const connector of CONNECTORS) {
  describe(`${connector}: what is saved, and what check makes of it`, () => {
    for (const name of NAMES[connector]) {
      test(name, async () => {
        const { steps, given, saved, complaints = [], says } = CASES[connector](servers)[name];
        const page = await form(connector, steps, given);
        const result = await submit(page);
        await page.close();
        assert.deepEqual(result.complaints, complaints);
        assert.deepEqual(result.saved, saved);
        const status = saved && checked(connector, result.saved);
        if (says) assert.match(status.message, says);
        else if (saved) assert.deepEqual(status, { status: "SUCCEEDED" });
        table.push([connector, name, saved ? JSON.stringify(saved) : "not saved", status?.message ?? status?.status ?? complaints.map((each) => each.join(": ")).join(", ")]);
      });
    }
  });
}

describe("pictures", () => {
  const largest = (options) =>
    options.reduce((a, b) => (Object.keys(a.properties).length >= Object.keys(b.properties).length ? a : b));
  const everything = (connector) =>
    Object.entries(SCHEMAS[connector].properties)
      .filter(([, { oneOf }]) => oneOf)
      .map(([name, { oneOf }]) => choose(name, largest(oneOf).title));
  const SHOTS = {
    "source-form": ["source", []],
    "source-form-all-sections": ["source", everything("source")],
    "destination-form": ["destination", []],
    "destination-form-all-sections": [
      "destination",
      [...everything("destination"), ...["streams", "streams.0.field_map", "streams.0.filter"].map((path) => ({ add: path }))],
    ],
  };
  for (const [name, [connector, steps]] of Object.entries(SHOTS)) {
    test(name, async () => {
      const page = await form(connector, steps);
      // What a form begins with is shown as it begins: with its optional fields folded away.
      if (steps.length === 0) await page.locator("details").evaluateAll((all) => all.forEach((each) => (each.open = false)));
      const picture = await page.screenshot({ path: join(PICTURES, `${name}.png`), fullPage: true });
      assert.ok(picture.length > 10_000);
      await page.close();
    });
  }

  test("source-form-mistakes", async () => {
    const page = await form("source", type("squadstack", { token: "Bearer token-1", campaign_ids: "campaign 7", start_date: "01/01/2024" }));
    await submit(page);
    await page.locator(".card").first().screenshot({ path: join(PICTURES, "source-form-mistakes.png") });
    await page.close();
  });
});

after(() => {
  if (table.length === 0) return;
  const shown = (text) => text.replaceAll(servers.api, "https://…").replaceAll(servers.webhooks, "https://…").replaceAll("|", "\\|");
  const rows = table.map(([connector, name, saved, said]) => `| ${connector} | ${name} | \`${shown(saved)}\` | ${shown(said)} |`);
  const text = ["| connector | case | saved | the form, or `check` of what was saved |", "|---|---|---|---|", ...rows, ""].join("\n");
  writeFileSync(join(PICTURES, "form-cases.md"), text);
});
