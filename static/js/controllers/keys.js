import { isEditing } from "../helpers/dom.js";

/**
 * The page's keys. Single letters work outside of fields only.
 * @param {object} actions `jump`, `room(step, unreadOnly)`, `message(step)`, `help`, `region(step)`
 */
export class Keys {
  #actions;

  constructor(actions) {
    this.#actions = actions;
    document.addEventListener("keydown", (event) => this.#pressed(event));
  }

  #pressed(event) {
    if (event.defaultPrevented || event.isComposing) return;
    const act = this.#withModifier(event) ?? this.#plain(event);
    if (!act) return;
    event.preventDefault();
    act();
  }

  #withModifier({ key, ctrlKey, metaKey, altKey, shiftKey }) {
    const { jump, room, region } = this.#actions;
    const step = { ArrowUp: -1, ArrowDown: 1 }[key];
    if ((ctrlKey || metaKey) && !altKey && key.toLowerCase() === "k") return jump;
    if (ctrlKey && key === "F6") return () => region(shiftKey ? -1 : 1);
    if (altKey && !ctrlKey && !metaKey && step) return () => room(step, shiftKey);
    return null;
  }

  #plain({ key, ctrlKey, metaKey, altKey, target }) {
    if (ctrlKey || metaKey || altKey || isEditing(target) || document.querySelector("dialog[open]")) return null;
    const { message, help, write } = this.#actions;
    const acts = { j: () => message(1), k: () => message(-1), "?": help };
    if (key === "Escape" && target.closest(".message")) return write;
    return acts[key.toLowerCase()] ?? null;
  }
}
