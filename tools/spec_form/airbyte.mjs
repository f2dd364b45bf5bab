// What Airbyte's form makes of the words that it adds to JSON schema, said to react-jsonschema-form.

/** The fields of an object schema as Airbyte lays them out: by `order`, and by name where there is none. */
export function fieldsInOrder(schema) {
  return Object.entries(schema.properties ?? {}).sort(
    ([a, one], [b, other]) => (one.order ?? Infinity) - (other.order ?? Infinity) || a.localeCompare(b),
  );
}

/** The cards of the form: each group's title, with the fields in it. */
export function cards(schema) {
  const of = (id) => fieldsInOrder(schema).filter(([, field]) => field.group === id).map(([name]) => name);
  const named = (schema.groups ?? []).map(({ id, title }) => ({ id, title, fields: of(id) }));
  return [...named, { id: "other", title: undefined, fields: of(undefined) }].filter(({ fields }) => fields.length > 0);
}

/** The name and value of the constant that tells the choices of a `oneOf` apart. */
export function constant(choice) {
  const [name, field] = Object.entries(choice.properties).find(([, rule]) => "const" in rule);
  return { name, value: field.const };
}

/** The rules by which Airbyte's form judges: of each `oneOf` the choice that is made, of a date its pattern alone. */
export function chosen({ format, ...schema }, data) {
  if (schema.oneOf) {
    const { oneOf, ...rest } = schema;
    const choice = oneOf.find((each) => constant(each).value === data?.[constant(each).name]) ?? oneOf[0];
    return chosen({ ...rest, ...choice }, data);
  }
  if (schema.properties) {
    const properties = fieldsInOrder(schema).map(([name, field]) => [name, chosen(field, data?.[name])]);
    return { ...schema, properties: Object.fromEntries(properties) };
  }
  return schema;
}

/** What Airbyte's form begins with: every object is there, so that what it requires is demanded, wanted or not. */
export function beginning(schema) {
  const objects = fieldsInOrder(schema).filter(([, field]) => field.type === "object");
  return Object.fromEntries(objects.map(([name, field]) => [name, beginning(field)]));
}

function help({ pattern_descriptor: form, examples }) {
  const example = examples?.map((each) => (Array.isArray(each) ? each.join(", ") : each)).join(" or ");
  return [form && `Format: ${form}`, example && `Example: ${example}`].filter(Boolean).join(" · ") || undefined;
}

export function uiSchema(schema) {
  const ui = { "ui:order": fieldsInOrder(schema).map(([name]) => name) };
  if (schema.airbyte_secret) ui["ui:widget"] = "password";
  if ("const" in schema) ui["ui:widget"] = "hidden";
  // Airbyte's date picker takes what is typed as well.
  if (schema.format === "date-time") ui["ui:widget"] = "text";
  if (help(schema)) ui["ui:help"] = help(schema);
  if (schema.oneOf) ui.oneOf = schema.oneOf.map(uiSchema);
  if (schema.items) ui.items = { ...uiSchema(schema.items), "ui:label": false };
  for (const [name, field] of fieldsInOrder(schema)) ui[name] = uiSchema(field);
  return ui;
}

/** Say of a value that does not match a pattern what it has to look like, as Airbyte does. */
export function withDescriptors(schema) {
  return (errors) =>
    errors.map((error) => {
      if (error.name !== "pattern") return error;
      const rule = error.schemaPath
        .split("/")
        .slice(1, -1)
        .reduce((at, step) => at[decodeURIComponent(step)], schema);
      return { ...error, message: `must match the format: ${rule.pattern_descriptor}` };
    });
}
