import { $ } from "../helpers/dom.js";
import { Inbox } from "../models/inbox.js";
import { NotificationList } from "./notification_list.js";
import { Toasts } from "./toasts.js";

const GAP = 8;

/** The bell of every page: how much is unread, and the newest of it. */
class Bell {
  #button;
  #popover;
  #badge;
  #label;
  #list;

  constructor(root, inbox) {
    this.#button = $(".bell__button", root);
    this.#popover = $(".bell__popover", root);
    this.#badge = $(".bell__badge", root);
    this.#label = $(".bell__label", root);
    this.#list = new NotificationList({ root: this.#popover, inbox });
    inbox.addEventListener("change", () => this.#show(inbox.unread));
    this.#popover.addEventListener("toggle", ({ newState }) => this.#toggled(newState === "open"));
    addEventListener("resize", () => this.#place());
  }

  #show(unread) {
    this.#badge.hidden = unread === 0;
    this.#badge.textContent = unread > 99 ? "99+" : unread;
    this.#label.textContent = unread ? `Notifications, ${unread} unread` : "Notifications";
  }

  #toggled(open) {
    this.#button.setAttribute("aria-expanded", open);
    if (!open) return;
    this.#place();
    this.#list.show();
  }

  #place() {
    const { bottom, right } = this.#button.getBoundingClientRect();
    const { style, offsetWidth } = this.#popover;
    const left = Math.min(right - offsetWidth, document.documentElement.clientWidth - offsetWidth - GAP);
    style.left = `${Math.max(GAP, left)}px`;
    style.top = `${bottom + GAP}px`;
  }
}

const root = $(".bell");
new Bell(root, Inbox.shared);
new Toasts({ region: $(".toasts", root), inbox: Inbox.shared });
Inbox.shared.open(Number(root.dataset.unread));
