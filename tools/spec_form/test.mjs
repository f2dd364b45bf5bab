// What a user sees of both specifications, asserted in a real browser on the page of a form library.
//
// PICTURES names the folder for the pictures; BIN the one of the console scripts.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { fieldsInOrder } from "./airbyte.mjs";
import { buildPage, CONNECTORS, launch, ROOT, run, specs } from "./browser.mjs";

const PICTURES = process.env.PICTURES ?? join(ROOT, "build/spec_form");
const SPECS = specs();
const SCHEMAS = Object.fromEntries(CONNECTORS.map((name) => [name, SPECS[name].connectionSpecification]));
// Matches no pattern of either specification.
const VIOLATION = "a b";
// What a form demands, and what a destination cannot do without. A form demands what any section requires, wanted or not.
const PORTAL = {
  contact_center_portal_url: "https://portal.example.com:9443",
  contact_center_username: "user-1",
  contact_center_password: "password-1",
  contact_center_domain: "tenant-1",
  contact_center_account_id: "account-1",
};
const LEAST = {
  source: {
    squadstack_token: "token-1",
    squadstack_campaign_ids_0: "0PT711",
    squadstack_start_date: "2024-01-01T00:00:00Z",
    ...PORTAL,
    contact_center_start_date: "2024-01-01T00:00:00Z",
    webhooks_url: "https://webhooks.example.com",
    webhooks_token: "token-2",
  },
  destination: { squadstack_token: "token-1", ...PORTAL, default_ref_id: "ref-1" },
};
const CATALOG = {
  streams: [
    {
      stream: { name: "leads", json_schema: {}, supported_sync_modes: ["full_refresh"] },
      sync_mode: "full_refresh",
      destination_sync_mode: "append_dedup",
    },
  ],
};
/** What a connector makes of a config, without a call to anybody: it ends with an error if the config is wrong. */
const TAKEN = {
  source: (file) => {
    const [{ catalog }] = run("source", "discover", "--config", file("config")).filter(({ type }) => type === "CATALOG");
    assert.ok(catalog.streams.some(({ name }) => name === "lead_responses"));
  },
  destination: (file) => {
    const said = run("destination", "write", "--config", file("config"), "--catalog", file("catalog"));
    assert.ok(said.every(({ type }) => type === "LOG"));
  },
};

let browser;
let address;

before(async () => {
  mkdirSync(PICTURES, { recursive: true });
  address = await buildPage(mkdtempSync(join(tmpdir(), "spec-form-")), SPECS);
  browser = await launch();
});
after(() => browser.close());

/** The form of a connector after some steps: a choice made, an entry added. */
async function form(connector, steps = []) {
  const page = await browser.newPage({ viewport: { width: 820, height: 900 } });
  await page.goto(`${address}?${connector}`);
  await page.waitForSelector(".card");
  for (const { choose, option, add } of steps) {
    if (choose) await page.selectOption(`#${choose}__oneof_select`, { label: option });
    else await page.click(`#${add}__add`);
  }
  return page;
}

/** Every field that somebody can fill in: its id on the page, its rules, and the steps that bring it there. */
function fields(schema, id = "root", steps = []) {
  return fieldsInOrder(schema).flatMap(([name, rule]) => {
    const at = `${id}_${name}`;
    const own = { id: at, rule, required: schema.required?.includes(name) ?? false, steps };
    if ("const" in rule) return [];
    if (rule.oneOf) {
      return rule.oneOf.flatMap((option) => fields(option, at, [...steps, { choose: at, option: option.title }]));
    }
    if (rule.type === "object") return fields(rule, at, steps);
    if (rule.items?.type !== "object") return [own];
    return [own, ...fields(rule.items, `${at}_0`, [...steps, { add: at }])];
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

/** Where a list of texts has its input: in its first entry, which has to be added where none is demanded. */
const input = ({ id, rule }) => (rule.type === "array" ? `#${id}_0` : `#${id}`);

for (const connector of CONNECTORS) {
  const schema = SCHEMAS[connector];

  describe(connector, () => {
    test("its cards stand in the order of the groups, under their titles", async () => {
      const page = await form(connector);
      assert.deepEqual(await page.locator(".card h2").allTextContents(), schema.groups.map(({ title }) => title));
      await page.close();
    });

    test("every field shows its title and its help", async () => {
      await each(connector, () => true, async (page, { id, rule }) => {
        const label = page.locator(`label[for="${id}"], #${id}__title, .checkbox label:has(#${id})`);
        assert.equal((await label.innerText()).replace("*", "").trim(), rule.title);
        const help = page.locator(`#${id}__description`);
        assert.ok(await help.isVisible(), id);
        assert.equal(await help.innerText(), rule.description);
      });
    });

    test("fields stand below each other in the order that the specification says", async () => {
      const page = await form(connector);
      const heights = [];
      for (const { id } of fields(schema).filter(({ steps }) => begun(steps))) {
        heights.push((await page.locator(`#${id}`).boundingBox()).y);
      }
      assert.ok(heights.length > 4);
      assert.deepEqual(heights, [...heights].sort((a, b) => a - b));
      await page.close();
    });

    test("required fields are marked, and no others", async () => {
      await each(connector, () => true, async (page, { id, required }) => {
        const marks = page.locator(`label[for="${id}"] .required, #${id}__title .required`);
        assert.equal(await marks.count(), required ? 1 : 0, id);
      });
    });

    test("what is typed into a secret cannot be read, and only there", async () => {
      const typed = ({ rule }) => rule.type === "string" && !rule.enum;
      await each(connector, typed, async (page, { id, rule }) => {
        assert.equal(await page.getAttribute(`#${id}`, "type"), rule.airbyte_secret ? "password" : "text", id);
      });
    });

    const choices = Object.entries(schema.properties).filter(([, rule]) => rule.oneOf);
    if (choices.length > 0) {
      test("a choice shows what it is about, and every option with what it means", async () => {
        const page = await form(connector);
        assert.deepEqual(await page.locator(".choice h3").allTextContents(), choices.map(([, { title }]) => title));
        for (const [name, { oneOf }] of choices) {
          const options = page.locator(`#root_${name}__oneof_select option`);
          assert.deepEqual(await options.allTextContents(), oneOf.map(({ title }) => title));
          const meanings = page.locator(`.choice:has(#root_${name}__oneof_select) dd`);
          assert.deepEqual(await meanings.allTextContents(), oneOf.map(({ description }) => description));
        }
        await page.close();
      });
    }

    test("a value that does not match its pattern is answered in words", async () => {
      const patterned = ({ rule }) => rule.pattern ?? rule.items?.pattern;
      await each(connector, patterned, async (page, field) => {
        await page.fill(input(field), VIOLATION);
        await page.click('button[type="submit"]');
        const said = await page.locator(`${input(field)}__error`).innerText();
        const words = field.rule.pattern_descriptor ?? field.rule.items.pattern_descriptor;
        assert.equal(said.trim(), `must match the format: ${words}`);
      });
    });

    test("an empty form demands what is required in its sections, and nothing of an option that is not chosen", async () => {
      const page = await form(connector);
      await page.click('button[type="submit"]');
      const wanted = ({ required, steps, rule }) => required && rule.type === "string" && begun(steps);
      const demanded = fields(schema).filter(wanted).map(({ id }) => `${id}__error`);
      const shown = await page.locator('[id$="__error"]').evaluateAll((errors) => errors.map(({ id }) => id));
      assert.deepEqual(shown.filter((id) => !/_\d+__error$/.test(id)), demanded);
      assert.equal(await page.evaluate(() => window.submitted), undefined);
      await page.close();
    });

    test("filled in with no more than it demands, it gives a config that the connector takes", async () => {
      const page = await form(connector);
      for (const [id, value] of Object.entries(LEAST[connector])) await page.fill(`#root_${id}`, value);
      await page.click('button[type="submit"]');
      const written = { config: await page.evaluate(() => window.submitted), catalog: CATALOG };
      const folder = mkdtempSync(join(tmpdir(), "spec-form-"));
      TAKEN[connector]((name) => {
        const path = join(folder, `${name}.json`);
        writeFileSync(path, JSON.stringify(written[name]));
        return path;
      });
      await page.close();
    });

    /** Whether a form begins like this: with the first option of each choice, and no entry in any list. */
    function begun(steps) {
      const first = Object.values(schema.properties).map(({ oneOf }) => oneOf?.[0].title);
      return steps.every(({ choose, option }) => choose && first.includes(option));
    }
  });
}

describe("pictures", () => {
  const largest = (options) =>
    options.reduce((a, b) => (Object.keys(a.properties).length >= Object.keys(b.properties).length ? a : b));
  const everything = (connector) =>
    Object.entries(SCHEMAS[connector].properties)
      .filter(([, { oneOf }]) => oneOf)
      .map(([name, { oneOf }]) => ({ choose: `root_${name}`, option: largest(oneOf).title }));
  const SHOTS = {
    "source-form": ["source", []],
    "destination-form": ["destination", []],
    "destination-form-all-sections": [
      "destination",
      [...everything("destination"), { add: "root_streams" }, { add: "root_streams_0_field_map" }],
    ],
  };
  for (const [name, [connector, steps]] of Object.entries(SHOTS)) {
    test(name, async () => {
      const page = await form(connector, steps);
      const picture = await page.screenshot({ path: join(PICTURES, `${name}.png`), fullPage: true });
      assert.ok(picture.length > 10_000);
      await page.close();
    });
  }

  test("source-form-mistakes", async () => {
    const page = await form("source");
    await page.fill("#root_squadstack_token", "Bearer token-1");
    await page.fill("#root_squadstack_campaign_ids_0", "campaign 7");
    await page.fill("#root_squadstack_start_date", "01/01/2024");
    await page.click('button[type="submit"]');
    await page.locator(".card").first().screenshot({ path: join(PICTURES, "source-form-mistakes.png") });
    await page.close();
  });
});
