import { $ } from "../helpers/dom.js";

/** @param {(name: string) => Promise} rename rejects with a FrameError */
export class RenameDialog {
  #dialog;
  #input;
  #problem;
  #rename;

  constructor({ dialog, rename }) {
    this.#dialog = dialog;
    this.#input = $("input", dialog);
    this.#problem = $(".dialog__problem", dialog);
    this.#rename = rename;
    $("form", dialog).addEventListener("submit", (event) => this.#submit(event));
    $(".dialog__cancel", dialog).addEventListener("click", () => dialog.close());
  }

  open(name) {
    this.#input.value = name;
    this.#tell("");
    this.#dialog.showModal();
    this.#input.select();
  }

  async #submit(event) {
    event.preventDefault();
    try {
      await this.#rename(this.#input.value.trim());
      this.#dialog.close();
    } catch (error) {
      this.#tell(error.message);
      this.#input.focus();
    }
  }

  #tell(problem) {
    this.#problem.textContent = problem;
    this.#input.setAttribute("aria-invalid", problem !== "");
  }
}
