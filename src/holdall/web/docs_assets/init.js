"use strict";

/* global SwaggerUIBundle */

const CHOICE = "api";

function followColourScheme() {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
  dark.addEventListener("change", apply);
  apply();
}

async function readDocuments() {
  const answer = await fetch("docs/documents.json");
  if (!answer.ok) throw new Error(`the list of documents: ${answer.status}`);
  return answer.json();
}

/* Only an address of the server's own list is ever read, whatever stands in the page's address. */
function chosen(documents) {
  const wanted = new URLSearchParams(location.search).get(CHOICE);
  return documents.find(({ title }) => title === wanted) ?? documents[0];
}

function offer(documents, current) {
  const links = documents.map((each) => {
    const link = document.createElement("a");
    link.href = `?${new URLSearchParams({ [CHOICE]: each.title })}`;
    link.textContent = each.title;
    if (each === current) link.setAttribute("aria-current", "page");
    return link;
  });
  document.getElementById("documents").replaceChildren(...links);
  const source = document.getElementById("source");
  source.href = current.url;
  source.hidden = false;
}

function read(current) {
  document.title = `${current.title} – Holdall`;
  SwaggerUIBundle({
    url: current.url,
    dom_id: "#reader",
    deepLinking: true,
    defaultModelsExpandDepth: 0,
    docExpansion: "list",
    displayRequestDuration: true,
    filter: false,
    queryConfigEnabled: false,
    tagsSorter: undefined,
    validatorUrl: null,
  });
}

async function main() {
  followColourScheme();
  const documents = await readDocuments();
  const current = chosen(documents);
  offer(documents, current);
  read(current);
}

main().catch((error) => {
  const said = document.createElement("p");
  said.setAttribute("role", "alert");
  said.textContent = `The documentation cannot be shown: ${error.message}.`;
  document.getElementById("reader").replaceChildren(said);
});
