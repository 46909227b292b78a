import { $ } from "../helpers/dom.js";
import { copy } from "../helpers/links.js";

const GAP = 4;

/** The “more” of a message: one menu, moved to where it is asked for. */
export class MessageMenu {
  #menu;
  #opener = null;
  #told;

  /** @param {(sentence: string) => void} told */
  constructor({ list, menu, told }) {
    this.#menu = menu;
    this.#told = told;
    list.addEventListener("click", ({ target }) => this.#asked(target.closest(".message__more")));
    menu.addEventListener("click", ({ target }) => this.#chosen(target.closest("[data-copy]")));
    menu.addEventListener("keydown", (event) => this.#keydown(event));
    menu.addEventListener("toggle", ({ newState }) => this.#toggled(newState === "open"));
  }

  #asked(opener) {
    if (!opener) return;
    this.#opener = opener;
    this.#menu.showPopover();
    this.#place(opener.getBoundingClientRect());
    $("button", this.#menu).focus();
  }

  #place({ right, top, bottom }) {
    const { offsetWidth: width, offsetHeight: height, style } = this.#menu;
    const below = bottom + GAP + height < innerHeight;
    style.left = `${Math.max(GAP, right - width)}px`;
    style.top = `${below ? bottom + GAP : top - GAP - height}px`;
  }

  #toggled(open) {
    // Before it is marked as closed, for then it may be hidden and could not take the focus.
    if (!open && this.#hadFocus) this.#opener?.focus();
    this.#opener?.setAttribute("aria-expanded", open);
  }

  get #hadFocus() {
    const { activeElement, body } = document;
    return activeElement === body || this.#menu.contains(activeElement);
  }

  #keydown(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const buttons = [...this.#menu.querySelectorAll("button")];
    const next = buttons.indexOf(document.activeElement) + step;
    buttons.at(next % buttons.length).focus();
  }

  async #chosen(button) {
    if (!button) return;
    const message = this.#opener.closest(".message");
    this.#menu.hidePopover();
    const link = `${location.origin}${location.pathname}#${message.id}`;
    const isLink = button.dataset.copy === "link";
    await copy(isLink ? link : $(".message__body", message).innerText);
    this.#told(isLink ? "Link copied." : "Text copied.");
  }
}
