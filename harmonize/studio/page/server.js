// What the page asks of its server. Every refusal is an Error with one line for the person.

export class Server {
  #base = "";

  // Goes on with this tab's session, or begins one; returns what the server says of itself.
  async begin() {
    const about = await this.#json("POST", `/sessions${location.search}`, { session: sessionStorage.getItem("session") });
    sessionStorage.setItem("session", about.session);
    this.#base = `/sessions/${about.session}`;
    return about;
  }

  describe() {
    return this.#json("GET", this.#base);
  }

  // `role`: photo, mask, cutout, or auto, which lets the server look.
  async put(role, file) {
    const headers = { "X-File-Name": encodeURIComponent(file.name || "") };
    return (await this.#ask(`${this.#base}/files/${role}`, { method: "PUT", body: file, headers })).json();
  }

  remove(role) {
    return this.#json("DELETE", `${this.#base}/files/${role}`);
  }

  place(placement) {
    return this.#json("PUT", `${this.#base}/placement`, placement);
  }

  cut(marks) {
    return this.#json("POST", `${this.#base}/cut`, marks);
  }

  change(weights) {
    return this.#json("GET", `${this.#base}/change?${new URLSearchParams({ weights })}`);
  }

  // A small copy: ImageData, or for the mask its levels.
  async pixels(name, query = {}) {
    const response = await this.#ask(`${this.#base}/pixels/${name}?${new URLSearchParams(query)}`);
    const bytes = await response.arrayBuffer();
    if (name === "mask") return new Uint8Array(bytes);
    return new ImageData(new Uint8ClampedArray(bytes), Number(response.headers.get("X-Width")));
  }

  // Saves a file under the name that the server gives it.
  async download(kind, look) {
    const response = await this.#send("POST", `${this.#base}/downloads/${kind}`, look);
    const name = decodeURIComponent(response.headers.get("Content-Disposition").split("''")[1]);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await response.blob());
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    const lost = response.headers.get("X-Lost");
    return lost ? `${name} (${decodeURIComponent(lost)})` : name;
  }

  async #json(method, url, value) {
    return (await this.#send(method, url, value)).json();
  }

  #send(method, url, value) {
    const body = value === undefined ? undefined : JSON.stringify(value);
    return this.#ask(url, { method, body, headers: body && { "Content-Type": "application/json" } });
  }

  async #ask(url, options) {
    let response;
    try {
      response = await fetch(url, options);
    } catch {
      throw new Error("The server does not answer. Is `harmonize serve` still running?");
    }
    if (!response.ok) throw new Error((await response.text()) || `status ${response.status}`);
    return response;
  }
}
