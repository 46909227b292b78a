export class HttpError extends Error {
  constructor(status, { code = "unavailable", message = "The server did not answer.", fields } = {}) {
    super(message);
    this.name = "HttpError";
    Object.assign(this, { status, code, fields });
  }
}

/** Calls the site's own API with the session; throws HttpError, 503 when offline. */
export async function api(path, { method = "GET", body, keepalive = false } = {}) {
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (method !== "GET") headers["X-CSRFToken"] = csrfToken();
  const options = { method, headers, keepalive, body: body && JSON.stringify(body) };
  const response = await fetch(path, options).catch(() => new Response(null, { status: 503 }));
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new HttpError(response.status, answer);
  return answer;
}

// The cookie first: signing in from another tab changes it under a page that stays open.
function csrfToken() {
  const cookie = document.cookie.match(/(?:^|; )csrftoken=([^;]+)/);
  return cookie?.[1] ?? document.querySelector("[data-csrf-token]")?.dataset.csrfToken ?? "";
}
