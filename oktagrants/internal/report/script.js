"use strict";

const step = 100;
const number = new Intl.NumberFormat("en-US");

const make = (tag, className, text) => {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
};

// A table shows its rows that match the search, a step at a time. A row has a text in lower case, its flags, a key to
// sort by for each column, and an element.
function table(section, rows) {
  const search = section.querySelector("input[type=search]");
  const filters = [...section.querySelectorAll("input[type=checkbox]")];
  const headers = [...section.querySelectorAll("th")];
  const more = section.querySelector(".more");
  let limit = step;

  const draw = () => {
    const words = search.value.toLowerCase().split(/\s+/);
    const flags = filters.reduce((sum, filter) => sum + (filter.checked ? Number(filter.value) : 0), 0);
    const found = rows.filter(row => (row.flags & flags) === flags && words.every(word => row.text.includes(word)));
    section.querySelector("tbody").replaceChildren(...found.slice(0, limit).map(row => row.element()));
    section.querySelector("output").textContent =
      `${number.format(Math.min(limit, found.length))} of ${number.format(found.length)} rows`;
    more.hidden = found.length <= limit;
  };
  const sort = (header, column) => {
    const up = header.ariaSort === "none" ? header.className !== "n" : header.ariaSort === "descending";
    headers.forEach(other => { other.ariaSort = "none"; });
    header.ariaSort = up ? "ascending" : "descending";
    const sign = up ? 1 : -1;
    const keyed = rows.map(row => [row.key(column), row]);
    keyed.sort(([a], [b]) => a < b ? -sign : a > b ? sign : 0);
    rows = keyed.map(([, row]) => row);
  };

  headers.forEach((header, column) => {
    const button = make("button", "", header.textContent);
    button.addEventListener("click", () => { sort(header, column); draw(); });
    header.ariaSort = "none";
    header.replaceChildren(button);
  });
  [search, ...filters].forEach(input => input.addEventListener("input", () => { limit = step; draw(); }));
  more.addEventListener("click", () => { limit += step; draw(); });
  draw();
}

// The rows of a table that the page holds as HTML.
function pageRows(section) {
  const titles = [...section.querySelectorAll("th")].map(header => header.textContent);
  return [...section.querySelectorAll("tbody tr")].map(row => {
    [...row.cells].forEach((cell, column) => { cell.dataset.title = titles[column]; });
    return {
      text: row.textContent.toLowerCase(),
      flags: 0,
      key: column => {
        const cell = row.cells[column];
        return "key" in cell.dataset ? Number(cell.dataset.key) : cell.textContent.toLowerCase();
      },
      element: () => row,
    };
  });
}

const data = JSON.parse(document.getElementById("data").textContent);
const lower = texts => texts.join(" ").toLowerCase();
const named = (id, ...names) => {
  const all = names.filter(name => name !== "").map((name, place) => make("bdi", place ? "also" : "name", name));
  all.forEach(name => { name.title = name.textContent; });
  return [...all, make("bdi", "id", id)];
};
const time = (seconds, length) =>
  seconds ? new Date(seconds * 1000).toISOString().slice(0, length).replace("T", " ") : "–";
const scopesOf = set => set.map(place => data.scopes[place]);

// How the cells of a kind of column are drawn and sorted, and what is searched in them.
const kinds = {
  user: {
    texts: data.users.map(([id, login, name]) => lower([login || name || id, name, id])),
    draw: place => named(...data.users[place]),
  },
  app: {
    texts: data.apps.map(([id, name]) => lower([name, id])),
    draw: place => named(...data.apps[place]),
  },
  text: { texts: data.texts.map(text => text.toLowerCase()), draw: place => [data.texts[place]] },
  set: {
    texts: data.sets.map(set => lower(scopesOf(set).map(([name]) => name))),
    draw: place => {
      const list = make("ul", "chips", "");
      list.append(...scopesOf(data.sets[place]).map(([name, powerful, notJudged]) => {
        const chip = make("li", (powerful ? "powerful" : "") + (notJudged ? " unjudged" : ""), "");
        chip.append(make("bdi", "", name));
        if (notJudged) {
          const mark = make("b", "", "?");
          mark.title = "not judged";
          chip.append(" ", mark);
        }
        return chip;
      }));
      return [list];
    },
  },
  number: { draw: value => [value < 0 ? "not read" : number.format(value)] },
  day: { draw: value => [time(value * 86400, 10)] },
  time: { draw: value => [time(value, 16)] },
};

// The rows of the table of users, made when they are shown.
function dataRows(section) {
  const columns = [...section.querySelectorAll("th")].map(header => {
    const kind = header.dataset.kind;
    return { title: header.textContent, kind, ...kinds[kind] };
  });
  return data.rows.map(cells => ({
    text: columns.map((column, at) => column.texts ? column.texts[cells[at]] : "").join(" "),
    flags: cells[columns.length],
    key: at => columns[at].texts ? columns[at].texts[cells[at]] : cells[at],
    element: () => {
      const row = document.createElement("tr");
      row.append(...columns.map((column, at) => {
        const cell = make("td", column.kind, "");
        cell.dataset.title = column.title;
        cell.append(...column.draw(cells[at]));
        return cell;
      }));
      return row;
    },
  }));
}

const users = document.getElementById("users");
document.querySelectorAll("section.table").forEach(section => {
  table(section, section === users ? dataRows(section) : pageRows(section));
});

// A click on an app's number of users shows them.
document.querySelectorAll("[data-find]").forEach(cell => {
  const button = make("button", "find", cell.textContent);
  button.title = "Show them";
  button.addEventListener("click", () => {
    const search = users.querySelector("input[type=search]");
    search.value = cell.dataset.find;
    search.dispatchEvent(new Event("input"));
    users.scrollIntoView();
  });
  cell.replaceChildren(button);
});

addEventListener("beforeprint", () => {
  document.querySelectorAll("details").forEach(details => { details.open = true; });
});
