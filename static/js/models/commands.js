const COMMAND = /^\/([a-z]+)(?:\s+([^]*))?$/i;

export const COMMANDS = [
  { name: "nick", usage: "/nick name", does: "Change your name" },
  { name: "help", usage: "/help", does: "Show commands and keys" },
];

/**
 * What a text means as a command: null for an ordinary message. Two slashes at the start send
 * the line with one; a path such as /etc/hosts is no command.
 *
 * @returns {{name: string, argument: string, known: boolean} | null}
 */
export function parseCommand(text) {
  const [, word, argument = ""] = text.match(COMMAND) ?? [];
  if (!word) return null;
  const name = word.toLowerCase();
  return { name, argument: argument.trim(), known: COMMANDS.some((command) => command.name === name) };
}

export function unescaped(text) {
  return text.startsWith("//") ? text.slice(1) : text;
}
