import { element } from "../helpers/dom.js";

const SHOWN = 8;
// Only while the list is open: a text box is no combobox, and would be announced as one.
const COMBOBOX = { role: "combobox", "aria-expanded": "true", "aria-controls": "suggestions" };

/**
 * The list under an `@` or a `/`: a combobox whose input is the composer.
 * @param {object} sources by sign: `(query) => [{label, detail, insert}]`
 */
export class Suggestions {
  #input;
  #list;
  #sources;
  #items = [];
  #active = 0;
  #start = 0;

  constructor({ input, list, sources }) {
    this.#input = input;
    this.#list = list;
    this.#sources = sources;
    input.addEventListener("input", () => this.refresh());
    input.addEventListener("click", () => this.refresh());
    input.addEventListener("blur", () => this.close());
    list.addEventListener("mousedown", (event) => this.#picked(event));
  }

  get isOpen() {
    return !this.#list.hidden;
  }

  refresh() {
    const token = this.#token();
    this.#items = token ? this.#sources[token.sign](token.query).slice(0, SHOWN) : [];
    if (this.#items.length === 0 || this.#isWritten(token)) return this.close();
    this.#start = token.start;
    this.#active = 0;
    this.#draw();
  }

  close() {
    this.#list.hidden = true;
    for (const name of Object.keys(COMBOBOX)) this.#input.removeAttribute(name);
    this.#input.removeAttribute("aria-activedescendant");
  }

  /** @returns {boolean} whether the key was for the list */
  handleKey(event) {
    if (!this.isOpen || event.isComposing) return false;
    const action = this.#actions[event.key];
    if (!action || event.shiftKey) return false;
    event.preventDefault();
    action();
    return true;
  }

  #actions = {
    ArrowDown: () => this.#move(1),
    ArrowUp: () => this.#move(-1),
    Tab: () => this.#choose(this.#active),
    Enter: () => this.#choose(this.#active),
    Escape: () => this.close(),
  };

  // `/` counts only where a command can stand: at the very start.
  #token() {
    const { value, selectionStart, selectionEnd } = this.#input;
    if (selectionStart !== selectionEnd) return null;
    const before = value.slice(0, selectionStart);
    const [, sign, query] = before.match(/^(\/)([a-z]*)$/i) ?? before.match(/(?:^|\s)(@)([^\s@]{0,50})$/) ?? [];
    return sign ? { sign, query: query.toLowerCase(), start: before.length - query.length - 1 } : null;
  }

  // Enter then sends what stands there, instead of choosing it once more.
  #isWritten({ sign, query }) {
    return this.#items.some(({ insert }) => insert.trim().toLowerCase() === sign + query);
  }

  #draw() {
    this.#list.replaceChildren(...this.#items.map((item, index) => this.#option(item, index)));
    this.#list.hidden = false;
    for (const [name, value] of Object.entries(COMBOBOX)) this.#input.setAttribute(name, value);
    this.#mark();
  }

  #option({ label, detail }, index) {
    const option = element("li", { className: "suggestions__item", id: `suggestion-${index}` });
    option.setAttribute("role", "option");
    option.dataset.index = index;
    option.append(element("span", { text: label }));
    if (detail) option.append(element("span", { className: "suggestions__detail", text: detail }));
    return option;
  }

  #mark() {
    for (const [index, option] of [...this.#list.children].entries()) {
      option.setAttribute("aria-selected", index === this.#active);
    }
    this.#input.setAttribute("aria-activedescendant", `suggestion-${this.#active}`);
  }

  #move(step) {
    this.#active = (this.#active + step + this.#items.length) % this.#items.length;
    this.#mark();
  }

  // Through setRangeText the choice stays one step of the browser's own undo.
  #choose(index) {
    this.#input.setRangeText(this.#items[index].insert, this.#start, this.#input.selectionStart, "end");
    this.close();
    this.#input.dispatchEvent(new Event("input", { bubbles: true }));
    this.close();
  }

  #picked(event) {
    event.preventDefault();
    const option = event.target.closest("[data-index]");
    if (option) this.#choose(Number(option.dataset.index));
  }
}
