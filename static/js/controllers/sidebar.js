import { $, clone, paintAvatar } from "../helpers/dom.js";

const NARROW = "(max-width: 100ch)";

/** Rooms and people; an overlay on narrow screens. */
export class Sidebar {
  #root;
  #toggle;
  #backdrop;
  #people;
  #you;
  #narrow = matchMedia(NARROW);

  constructor({ root, toggle, backdrop, people, you }) {
    this.#root = root;
    this.#toggle = toggle;
    this.#backdrop = backdrop;
    this.#people = people;
    this.#listen();
    this.you = you;
    this.#dot();
  }

  get rooms() {
    return [...this.#root.querySelectorAll(".rooms__link")].map((link) => ({
      slug: link.dataset.room,
      name: $(".rooms__name", link).textContent,
      href: link.href,
      unread: Number(link.dataset.unread),
      isCurrent: link.getAttribute("aria-current") === "page",
    }));
  }

  set you(you) {
    this.#you = you;
    $(".you__name", this.#root).textContent = you.name;
    paintAvatar($(".you .avatar", this.#root), you);
    this.#drawPeople();
  }

  roomUnread({ room, unread, mentions = 0 }) {
    const link = this.#root.querySelector(`.rooms__link[data-room="${CSS.escape(room)}"]`);
    if (!link) return;
    link.dataset.unread = unread;
    link.classList.toggle("rooms__link--unread", unread > 0);
    link.classList.toggle("rooms__link--mentioned", mentions > 0);
    $(".rooms__count", link).textContent = unread > 99 ? "99+" : unread || "";
    $(".rooms__unread-label", link).textContent = unread ? `, ${unread} unread` : "";
    this.#dot();
  }

  close() {
    if (this.#isOpen) this.#show(false);
  }

  /** For keyboard regions: something to put the focus on. */
  focus() {
    if (this.#narrow.matches) this.#show(true);
    else $(".rooms__link", this.#root)?.focus();
  }

  get #isOpen() {
    return this.#toggle.getAttribute("aria-expanded") === "true";
  }

  #listen() {
    this.#people.addEventListener("change", () => this.#drawPeople());
    this.#toggle.addEventListener("click", () => this.#show(!this.#isOpen));
    this.#backdrop.addEventListener("click", () => this.#show(false));
    $(".sidebar__close", this.#root).addEventListener("click", () => this.#show(false));
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.#isOpen) this.#show(false);
    });
    this.#narrow.addEventListener("change", () => this.#show(false, { focus: false }));
  }

  // While the overlay is open the page behind it cannot be reached, by pointer or by key.
  #show(open, { focus = true } = {}) {
    this.#toggle.setAttribute("aria-expanded", open);
    this.#root.classList.toggle("sidebar--open", open);
    this.#backdrop.hidden = !open;
    $(".room").inert = open;
    if (!focus) return;
    if (open) $(".sidebar__close", this.#root).focus();
    else this.#toggle.focus();
  }

  #dot() {
    const elsewhere = this.rooms.some((room) => room.unread > 0 && !room.isCurrent);
    this.#toggle.classList.toggle("sidebar-toggle--dot", elsewhere);
    $(".sidebar-toggle__label", this.#toggle).textContent = elsewhere
      ? "Rooms and people, something is unread"
      : "Rooms and people";
  }

  #drawPeople() {
    const { present, online } = this.#people;
    const rows = present.map((person) => this.#person(person));
    $(".people__list", this.#root).replaceChildren(...rows);
    const others = $(".people__others", this.#root);
    others.hidden = online <= present.length;
    others.textContent = `and ${online - present.length} more`;
    $(".people__count", this.#root).textContent = online || "";
  }

  #person(person) {
    const row = clone("person-template");
    paintAvatar($(".avatar", row), person);
    $(".person__name", row).textContent = person.name;
    $(".person__note", row).textContent = this.#noteOn(person);
    return row;
  }

  #noteOn(person) {
    if (person.id === this.#you.id) return "you";
    return person.guest ? "guest" : "";
  }
}
