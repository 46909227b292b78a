import { $, element } from "../helpers/dom.js";
import { safeLink } from "../helpers/links.js";
import { ago, fullTime } from "../helpers/time.js";

/** The list of notifications with its tabs, in the bell and on the page of its own. */
export class NotificationList {
  #root;
  #inbox;
  #filter = "all";
  #problem = "";
  #rows = new WeakMap();

  constructor({ root, inbox }) {
    this.#root = root;
    this.#inbox = inbox;
    inbox.addEventListener("change", () => this.#draw());
    for (const tab of this.#tabs) tab.addEventListener("click", () => this.#choose(tab));
    $("[role=tablist]", root).addEventListener("keydown", (event) => this.#keydown(event));
    $(".notifications__all-read", root).addEventListener("click", () => this.#markAllRead());
    $(".notifications__more", root).addEventListener("click", () => this.#load("more"));
    $(".notifications__list", root).addEventListener("click", (event) => this.#clicked(event));
  }

  show() {
    return this.#load("load");
  }

  get #tabs() {
    return [...this.#root.querySelectorAll("[role=tab]")];
  }

  async #load(how) {
    try {
      await this.#inbox[how](this.#filter);
      this.#problem = "";
    } catch (error) {
      this.#problem = error.message;
    }
    this.#draw();
  }

  #choose(tab) {
    this.#filter = tab.dataset.filter;
    for (const other of this.#tabs) {
      other.setAttribute("aria-selected", other === tab);
      other.tabIndex = other === tab ? 0 : -1;
    }
    $("[role=tabpanel]", this.#root).setAttribute("aria-labelledby", tab.id);
    this.#load("load");
  }

  // The button is disabled by it, and would take the focus with it.
  #markAllRead() {
    this.#tabs.find((tab) => tab.tabIndex === 0).focus();
    return this.#inbox.markAllRead();
  }

  #keydown(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const tabs = this.#tabs;
    const next = tabs.at((tabs.indexOf(event.target) + step) % tabs.length);
    next.focus();
    this.#choose(next);
  }

  #draw() {
    const items = this.#inbox.items(this.#filter);
    this.#place(items.map((item) => this.#rowOf(item)));
    $(".notifications__none", this.#root).hidden = items.length > 0;
    $(".notifications__none", this.#root).textContent = this.#problem || this.#emptiness;
    $(".notifications__more", this.#root).hidden = items.length === 0 || !this.#inbox.hasMore(this.#filter);
    $(".notifications__all-read", this.#root).disabled = this.#inbox.unread === 0;
    $(".notifications__unread", this.#root).textContent = this.#inbox.unread || "";
  }

  // Rows that stay are left where they are: somebody may be clicking on one.
  #place(rows) {
    const list = $(".notifications__list", this.#root);
    const focused = document.activeElement?.closest("[data-id]")?.dataset.id;
    const had = list.contains(document.activeElement);
    const staying = new Set(rows);
    for (const row of [...list.children]) if (!staying.has(row)) row.remove();
    rows.forEach((row, at) => {
      if (row !== list.children[at]) list.insertBefore(row, list.children[at] ?? null);
    });
    if (had && !list.contains(document.activeElement)) this.#refocus(list, focused);
  }

  get #emptiness() {
    return this.#filter === "unread" ? "You have read everything." : "Nothing yet.";
  }

  #refocus(list, id) {
    const row = list.querySelector(`[data-id="${CSS.escape(id)}"]`) ?? list;
    ($("button", row) ?? this.#tabs[0]).focus();
  }

  // An item that changes is another object, and so another row.
  #rowOf(item) {
    if (!this.#rows.has(item)) this.#rows.set(item, this.#row(item));
    const row = this.#rows.get(item);
    $("time", row).textContent = ago(item.timestamp);
    return row;
  }

  #row(item) {
    const row = $("template", this.#root).content.firstElementChild.cloneNode(true);
    row.dataset.id = item.id;
    row.classList.toggle("notification--unread", !item.read);
    $(".notification__title", row).replaceChildren(title(item));
    $(".notification__message", row).textContent = item.message;
    const time = $("time", row);
    Object.assign(time, { dateTime: item.timestamp, title: fullTime(item.timestamp) });
    const toggle = $(".notification__toggle", row);
    toggle.setAttribute("aria-label", `Mark as ${item.read ? "unread" : "read"}: ${item.title}`);
    toggle.title = item.read ? "Mark as unread" : "Mark as read";
    return row;
  }

  #clicked({ target }) {
    const item = this.#itemOf(target.closest("[data-id]"));
    if (!item) return;
    if (target.closest(".notification__toggle")) this.#toggle(item);
    else if (target.closest("a") && !item.read) this.#inbox.markReadWhileLeaving(item.id).catch(() => {});
  }

  async #toggle(item) {
    if (!item.read) return this.#inbox.markRead(item.id);
    await this.#inbox.markUnread(item.id).catch(() => {});
  }

  #itemOf(row) {
    return row && this.#inbox.items(this.#filter).find(({ id }) => String(id) === row.dataset.id);
  }
}

function title({ title: text, action_url, read }) {
  const href = safeLink(action_url);
  const node = href ? element("a", { text, href, rel: "noopener" }) : element("span", { text });
  if (!read) node.append(element("span", { className: "visually-hidden", text: " (unread)" }));
  return node;
}
