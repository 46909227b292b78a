import { $, element } from "../helpers/dom.js";
import { safeLink } from "../helpers/links.js";

const SHOWN_MS = 8_000;
const AT_ONCE = 3;

/** Notifications that arrive while the page is open, shown for a moment in a corner. */
export class Toasts {
  #region;
  #template;

  constructor({ region, inbox }) {
    this.#region = $("[role=status]", region);
    this.#template = $("template", region);
    inbox.addEventListener("arrived", ({ detail }) => this.#show(detail));
    inbox.addEventListener("announcement", ({ detail }) => this.#announce(detail));
  }

  #announce({ from, message }) {
    this.#show({ title: `Announcement from ${from.name}`, message });
  }

  #show({ title, message, action_url }) {
    const toast = this.#template.content.firstElementChild.cloneNode(true);
    const href = safeLink(action_url);
    const heading = href ? element("a", { text: title, href, rel: "noopener" }) : element("span", { text: title });
    $(".toast__title", toast).append(heading);
    $(".toast__message", toast).textContent = message;
    $(".toast__close", toast).addEventListener("click", () => toast.remove());
    this.#region.append(toast);
    while (this.#region.children.length > AT_ONCE) this.#region.firstElementChild.remove();
    this.#expire(toast);
  }

  // Not while somebody is reading or about to click.
  #expire(toast) {
    setTimeout(() => {
      if (toast.matches(":hover, :focus-within")) this.#expire(toast);
      else toast.remove();
    }, SHOWN_MS);
  }
}
