// What Airbyte's form does with a specification: what it shows, begins with, refuses and saves. Found out by running the
// platform's own form (version of 2026-08-21) and reading how it judges; none of its code is here.

/** A field's kind, which decides how it is shown and judged. */
export function kind(rule) {
  if (rule.oneOf) return "choice";
  if (rule.type === "object") return "object";
  if (rule.type === "array") return rule.items.type === "object" ? "entries" : "texts";
  return rule.type === "boolean" ? "switch" : "value";
}

const required = (schema, name) => schema.required?.includes(name) ?? false;

/** Whether a field is on show, and not folded away under "Optional fields". */
export function onShow(schema, name) {
  const rule = schema.properties[name];
  return required(schema, name) || rule.always_show === true || ["choice", "object"].includes(kind(rule));
}

/** The names of an object's fields as they are laid out: those on show first, then by `order`. Constants are not shown. */
export function layout(schema) {
  const names = Object.keys(schema.properties ?? {}).filter((name) => !("const" in schema.properties[name]));
  const place = (name) => [onShow(schema, name) ? 0 : 1, schema.properties[name].order ?? Infinity];
  return names.sort((a, b) => {
    const [one, other] = [place(a), place(b)];
    return one[0] - other[0] || one[1] - other[1] || a.localeCompare(b);
  });
}

/** The cards of the form: each group's title, with the fields in it. */
export function cards(schema) {
  const of = (id) => layout(schema).filter((name) => schema.properties[name].group === id);
  const named = (schema.groups ?? []).map(({ id, title }) => ({ id, title, fields: of(id) }));
  return [...named, { id: "other", title: undefined, fields: of(undefined) }].filter(({ fields }) => fields.length > 0);
}

/** The field whose constant tells the options of a choice apart. */
export function selector({ oneOf }) {
  const constants = oneOf.map(({ properties }) => Object.keys(properties).filter((name) => "const" in properties[name]));
  return constants[0].find((name) => constants.every((names) => names.includes(name)));
}

const constant = (rule, option) => option.properties[selector(rule)].const;

/** The option that a config has chosen; none, where the config came without a choice. */
export const chosen = (rule, data) => rule.oneOf.find((option) => constant(rule, option) === data?.[selector(rule)]);

/** What is there before anybody types: constants, defaults, every nested object, the first option of a choice. */
export function beginning(schema, given = {}) {
  const data = { ...given };
  for (const [name, rule] of Object.entries(schema.properties ?? {})) {
    if ("const" in rule) data[name] ||= rule.const;
    if ("default" in rule) data[name] ??= rule.default;
    if (kind(rule) === "object") data[name] = beginning(rule, data[name]);
    if (kind(rule) === "choice") data[name] = beginning(rule.oneOf[0]);
  }
  return data;
}

/** A choice's data after another option was taken: what has the same name in both stays. */
export function choose(rule, option, data = {}) {
  const same = Object.entries(data).filter(([name]) => name in option.properties);
  return beginning(option, { ...Object.fromEntries(same), [selector(rule)]: constant(rule, option) });
}

const blank = (value) => value === undefined || value === null || (typeof value === "string" && value.trim() === "");

/** What is wrong with a value, in the form's words. */
function complaint(rule, value) {
  if (rule.pattern && !new RegExp(rule.pattern).test(String(value).trim())) {
    return `The value must match the pattern ${rule.pattern_descriptor ?? rule.pattern}`;
  }
  if (value < rule.minimum) return `Must be greater than or equal to ${rule.minimum}`;
  if (value > rule.maximum) return `Must be less than or equal to ${rule.maximum}`;
  return undefined;
}

/**
 * Everything that keeps a form from being saved, by the path of its field. What a plain object requires is required of it,
 * wanted or not. Of a choice only the option taken is judged, and without one nothing: that keeps configs of an API alive.
 */
export function complaints(schema, data, at = "") {
  return Object.entries(schema.properties ?? {}).flatMap(([name, rule]) => {
    const path = at ? `${at}.${name}` : name;
    const value = data?.[name];
    const option = rule.oneOf && chosen(rule, value);
    if (rule.oneOf) return option ? complaints(option, value, path) : [];
    if (kind(rule) === "object") return complaints(rule, value, path);
    if (blank(value) || (Array.isArray(value) && value.length === 0)) {
      return required(schema, name) && !("const" in rule) ? [[path, "Required"]] : [];
    }
    if (kind(rule) === "entries") return value.flatMap((entry, index) => complaints(rule.items, entry, `${path}.${index}`));
    const said = kind(rule) === "texts" ? value.map((each) => complaint(rule.items, each)).find(Boolean) : complaint(rule, value);
    return said ? [[path, said]] : [];
  });
}

/** What is saved: nothing that is blank, nothing that the specification does not name, and of a choice one option's fields. */
export function saved(schema, data) {
  const kept = Object.entries(schema.properties ?? {}).flatMap(([name, rule]) => {
    const value = data?.[name];
    if (kind(rule) === "object") return [[name, saved(rule, value)]];
    if (blank(value)) return [];
    if (kind(rule) === "choice") {
      const option = chosen(rule, value);
      const all = { properties: Object.assign({}, ...rule.oneOf.map(({ properties }) => properties)) };
      return [[name, saved(option ?? all, value)]];
    }
    if (kind(rule) === "entries") return [[name, value.map((entry) => saved(rule.items, entry))]];
    if (kind(rule) === "texts") return [[name, value.map((text) => String(text).trim())]];
    return [[name, typeof value === "string" ? value.trim() : value]];
  });
  return Object.fromEntries(kept);
}
