import { $, element } from "../helpers/dom.js";

/** Ctrl+K: a room by a few letters of its name. */
export class JumpDialog {
  #dialog;
  #input;
  #list;
  #rooms;
  #matches = [];
  #active = 0;

  /** @param {() => {name: string, href: string, unread: number}[]} rooms */
  constructor({ dialog, rooms }) {
    this.#dialog = dialog;
    this.#input = $("input", dialog);
    this.#list = $("ul", dialog);
    this.#rooms = rooms;
    this.#input.addEventListener("input", () => this.#search());
    this.#input.addEventListener("keydown", (event) => this.#keydown(event));
    this.#list.addEventListener("click", (event) => this.#clicked(event));
  }

  open() {
    this.#input.value = "";
    this.#dialog.showModal();
    this.#search();
  }

  #search() {
    const query = this.#input.value.trim().toLowerCase();
    this.#matches = this.#rooms().filter(({ name }) => name.toLowerCase().includes(query));
    this.#active = 0;
    this.#list.replaceChildren(...this.#matches.map((room, index) => option(room, index)));
    $(".jump__none", this.#dialog).hidden = this.#matches.length > 0;
    this.#mark();
  }

  #keydown(event) {
    const steps = { ArrowDown: 1, ArrowUp: -1 };
    if (event.key === "Enter") this.#go();
    else if (steps[event.key]) this.#move(steps[event.key]);
    else return;
    event.preventDefault();
  }

  #move(step) {
    if (this.#matches.length === 0) return;
    this.#active = (this.#active + step + this.#matches.length) % this.#matches.length;
    this.#mark();
  }

  #mark() {
    [...this.#list.children].forEach((row, index) => row.setAttribute("aria-selected", index === this.#active));
    this.#list.children[this.#active]?.scrollIntoView({ block: "nearest" });
    this.#input.setAttribute("aria-activedescendant", this.#matches.length ? `jump-${this.#active}` : "");
  }

  #clicked(event) {
    const row = event.target.closest("[data-index]");
    if (!row) return;
    this.#active = Number(row.dataset.index);
    this.#go();
  }

  #go() {
    const room = this.#matches[this.#active];
    if (room) location.assign(room.href);
  }
}

function option({ name, unread }, index) {
  const row = element("li", { className: "suggestions__item", id: `jump-${index}` });
  row.setAttribute("role", "option");
  row.dataset.index = index;
  row.append(element("span", { text: name }));
  if (unread) row.append(element("span", { className: "suggestions__detail", text: `${unread} unread` }));
  return row;
}
