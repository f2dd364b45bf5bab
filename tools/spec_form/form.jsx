// The page: one form for the specification that the address names, `?source` or `?destination`; with `&edit`, of a config.
import { useState } from "react";
import { createRoot } from "react-dom/client";

import { beginning, cards, choose, chosen, complaints, kind, layout, onShow, saved } from "./airbyte.mjs";

/** What a label says: the title, whether the field may stay empty, its help, and the form that its text must have. */
function Label({ rule, path, optional, options }) {
  const form = rule.pattern_descriptor ?? rule.items?.pattern_descriptor;
  const examples = rule.examples?.map((each) => (Array.isArray(each) ? each.join(", ") : each)).join(" or ");
  return (
    <>
      <label htmlFor={path}>
        {rule.title}
        {optional && <span className="optional">Optional</span>}
        {form && <span className="format">{form}</span>}
      </label>
      {rule.description && <p className="description" id={`${path}:description`}>{rule.description}</p>}
      {options?.map(({ title, description }) => (
        <p className="description option" key={title}><b>{title}</b>: {description}</p>
      ))}
      {examples && <p className="description">Example: {examples}</p>}
    </>
  );
}

function Texts({ path, value = [], change }) {
  const at = (index) => (event) => change(value.map((each, place) => (place === index ? event.target.value : each)));
  return (
    <div className="texts">
      {[...value, ""].map((text, index) => (
        <input key={index} id={index === 0 ? path : `${path}.${index}`} value={text}
          onChange={index < value.length ? at(index) : (event) => change([...value, event.target.value])} />
      ))}
    </div>
  );
}

function Value({ rule, path, value, change }) {
  if (rule.enum) {
    // There is no empty option: what was chosen once cannot be emptied again.
    return (
      <select id={path} value={value ?? ""} onChange={(event) => change(event.target.value)}>
        {value === undefined && <option value="" hidden />}
        {rule.enum.map((each) => <option key={each}>{each}</option>)}
      </select>
    );
  }
  const typed = (text) => (rule.type === "integer" && text !== "" ? Number(text) : text);
  const type = rule.airbyte_secret ? "password" : rule.type === "integer" ? "number" : "text";
  return <input id={path} type={type} value={value ?? ""} onChange={(event) => change(typed(event.target.value))} />;
}

function Entries({ rule, path, value = [], change, errors }) {
  return (
    <>
      {value.map((entry, index) => (
        <fieldset className="entry" key={index}>
          <Fields schema={rule.items} path={`${path}.${index}`} data={entry} errors={errors}
            change={(next) => change(value.map((each, place) => (place === index ? next : each)))} />
          <button type="button" onClick={() => change(value.filter((_, place) => place !== index))}>Remove</button>
        </fieldset>
      ))}
      <button type="button" id={`${path}:add`} onClick={() => change([...value, beginning(rule.items)])}>Add</button>
    </>
  );
}

function Choice({ rule, path, value, change, errors }) {
  const option = chosen(rule, value);
  const radio = rule.display_type === "radio";
  const take = (title) => change(choose(rule, rule.oneOf.find((each) => each.title === title), value));
  return (
    <div className="choice">
      <Label rule={rule} path={path} options={rule.oneOf} />
      {radio ? (
        rule.oneOf.map(({ title }) => (
          // The id is the title, as in Airbyte: two options of one title anywhere in the form would be one.
          <label key={title}><input type="radio" id={title} checked={option?.title === title} onChange={() => take(title)} />{title}</label>
        ))
      ) : (
        <select id={path} value={option?.title ?? ""} onChange={(event) => take(event.target.value)}>
          {!option && <option value="" hidden />}
          {rule.oneOf.map(({ title }) => <option key={title}>{title}</option>)}
        </select>
      )}
      {option && <Fields schema={option} path={path} data={value} change={change} errors={errors} />}
    </div>
  );
}

function Field({ schema, name, path, value, change, errors }) {
  const rule = schema.properties[name];
  const optional = !(schema.required?.includes(name) ?? false);
  const said = errors.find(([at]) => at === path)?.[1];
  switch (kind(rule)) {
    case "object":
      // Without title and description: the form has no heading for an object within.
      return <Fields schema={rule} path={path} data={value} change={change} errors={errors} />;
    case "choice":
      return <Choice rule={rule} path={path} value={value} change={change} errors={errors} />;
    case "entries":
      return (
        <div className="field">
          <Label rule={rule} path={path} />
          <Entries rule={rule} path={path} value={value} change={change} errors={errors} />
        </div>
      );
    case "switch":
      return (
        <div className="field switch">
          <input type="checkbox" id={path} checked={value ?? false} onChange={(event) => change(event.target.checked)} />
          <Label rule={rule} path={path} />
        </div>
      );
    default: {
      const Control = kind(rule) === "texts" ? Texts : Value;
      return (
        <div className={said ? "field wrong" : "field"}>
          <Label rule={rule} path={path} optional={optional} />
          <Control rule={rule} path={path} value={value} change={change} />
          {said && <p className="error" id={`${path}:error`}>{said}</p>}
        </div>
      );
    }
  }
}

/** Fields one below the other; what may stay empty is folded away. */
function Fields({ schema, names = layout(schema), path = "", data, change, errors }) {
  const field = (name) => (
    <Field key={name} schema={schema} name={name} path={path ? `${path}.${name}` : name} value={data?.[name]} errors={errors}
      change={(value) => change({ ...data, [name]: value })} />
  );
  const folded = names.filter((name) => !onShow(schema, name));
  return (
    <>
      {names.filter((name) => onShow(schema, name)).map(field)}
      {folded.length > 0 && <details><summary>Optional fields</summary>{folded.map(field)}</details>}
    </>
  );
}

function Form({ schema, given }) {
  const [data, setData] = useState(given ?? beginning(schema));
  const [errors, setErrors] = useState([]);
  const submit = (event) => {
    event.preventDefault();
    const found = complaints(schema, data);
    setErrors(found);
    window.complaints = found;
    window.submitted = found.length > 0 ? undefined : saved(schema, data);
  };
  return (
    <form onSubmit={submit} noValidate>
      {cards(schema).map(({ id, title, fields }) => (
        <section className="card" key={id}>
          {title && <h2>{title}</h2>}
          <Fields schema={schema} names={fields} data={data} change={setData} errors={errors} />
        </section>
      ))}
      <button type="submit">Test and save</button>
    </form>
  );
}

const address = new URLSearchParams(location.search);
const [connector] = address.keys();
const { connectionSpecification } = window.SPECS[connector];
const given = address.has("edit") ? JSON.parse(address.get("edit")) : undefined;
createRoot(document.getElementById("form")).render(<Form schema={connectionSpecification} given={given} />);
