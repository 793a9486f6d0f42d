// The description of all routes, written out from openapi.json.

const make = (tag, text = "", name = "") => Object.assign(document.createElement(tag), { textContent: text, className: name });
const api = await (await fetch("/openapi.json")).json();
const schema = (s) => (s?.$ref ? api.components.schemas[s.$ref.split("/").pop()] : s);

// kind writes what values a field takes.
function kind(s) {
  const one = s.oneOf ? s.oneOf.map(kind).join(" | ") : [s.type ?? ""].flat().join(" | ") + (s.items?.type ? ` of ${s.items.type}` : "");
  const range = "minimum" in s ? `, ${s.minimum} to ${s.maximum}` : "";
  const byDefault = "default" in s ? `, default ${s.default}` : "";
  return one + range + byDefault;
}

document.getElementById("about").textContent = api.info.description;
for (const [path, methods] of Object.entries(api.paths)) {
  for (const [method, route] of Object.entries(methods)) {
    const box = make("article");
    const head = make("h2");
    head.append(make("code", method.toUpperCase(), "method"), make("code", path), route.summary);
    box.append(head, make("p", [route.description, route.responses["200"].description].filter(Boolean).join(" "), "quiet"));
    const body = schema(route.requestBody?.content["application/json"].schema);
    if (body) {
      const details = make("details");
      const table = make("table");
      for (const [name, s] of Object.entries(body.properties)) {
        const row = make("tr");
        const first = make("td");
        first.append(make("code", name), (body.required ?? []).includes(name) ? " *" : "");
        row.append(first, make("td", kind(s)), make("td", s.description ?? ""));
        table.append(row);
      }
      details.append(make("summary", "Fields of the request"), table);
      details.open = path === "/v1/synthesize";
      box.append(details);
    }
    document.getElementById("routes").append(box);
  }
}
