// The page: one form for the specification that the address names, `?source` or `?destination`.
import Form from "@rjsf/core";
import validator from "@rjsf/validator-ajv8";
import { createRoot } from "react-dom/client";

import { beginning, cards, chosen, uiSchema, withDescriptors } from "./airbyte.mjs";

/** The fields of the whole in cards; an object within it has no frame and no heading of its own, as in Airbyte. */
function ObjectFieldTemplate({ schema, properties, fieldPathId }) {
  if (fieldPathId.path.length > 0) return properties.map((field) => field.content);
  return cards(schema).map(({ id, title, fields }) => (
    <section className="card" key={id}>
      {title && <h2>{title}</h2>}
      {fields.map((name) => properties.find((field) => field.name === name).content)}
    </section>
  ));
}

/** A choice: what it is about, its options with what each means, then the fields of the one that is made. */
function MultiSchemaFieldTemplate({ schema, selector, optionSchemaField }) {
  return (
    <div className="choice">
      <h3>{schema.title}</h3>
      <p className="field-description">{schema.description}</p>
      {selector}
      <dl>
        {schema.oneOf.map(({ title, description }) => (
          <div key={title}>
            <dt>{title}</dt>
            <dd>{description}</dd>
          </div>
        ))}
      </dl>
      {optionSchemaField}
    </div>
  );
}

// As Airbyte's form judges: by the choice that is made, and by nothing of the others.
const judge = Object.assign(Object.create(validator), {
  validateFormData: (data, schema, custom, _, ui) => {
    const rules = chosen(schema, data);
    return validator.validateFormData(data, rules, custom, withDescriptors(rules), ui);
  },
});

const { connectionSpecification: schema } = window.SPECS[location.search.slice(1)];
createRoot(document.getElementById("form")).render(
  <Form
    schema={schema}
    formData={beginning(schema)}
    uiSchema={{ ...uiSchema(schema), "ui:submitButtonOptions": { submitText: "Test and save" } }}
    validator={judge}
    templates={{ ObjectFieldTemplate, MultiSchemaFieldTemplate }}
    showErrorList={false}
    noHtml5Validate
    onSubmit={({ formData }) => {
      window.submitted = formData;
    }}
  />,
);
