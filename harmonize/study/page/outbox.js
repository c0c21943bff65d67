// Answers that the server has not acknowledged yet: kept in the browser, sent in order, tried again until they are saved.
const PAUSE = 1000;

export class Outbox {
  constructor(url, say) {
    this.url = url;
    this.say = say;
    this.failing = false;
    this.key = `outbox ${url}`;
    this.waiting = JSON.parse(localStorage.getItem(this.key) || "[]");
    this.watchers = [];
    this.sending = false;
    this.send();
  }

  get empty() {
    return this.waiting.length === 0;
  }

  add(vote) {
    this.waiting.push(vote);
    this.keep();
    this.send();
  }

  // Resolves when everything is saved.
  emptied() {
    return this.empty ? Promise.resolve() : new Promise((resolve) => this.watchers.push(resolve));
  }

  keep() {
    localStorage.setItem(this.key, JSON.stringify(this.waiting));
  }

  async send() {
    if (this.sending) return;
    this.sending = true;
    while (this.waiting.length) {
      let refused = false;
      try {
        const body = JSON.stringify(this.waiting[0]);
        const response = await fetch(this.url, { method: "POST", body, headers: { "Content-Type": "application/json" } });
        refused = response.status >= 400 && response.status < 500;
        if (!response.ok) throw new Error(await response.text());
        this.waiting.shift();
        this.keep();
        if (this.failing) this.say("");
        this.failing = false;
      } catch (error) {
        if (refused) { // it would be refused for ever
          this.waiting.shift();
          this.keep();
        }
        this.failing = true;
        const left = this.waiting.length;
        this.say(refused ? `An answer was refused: ${error.message}` : `${left} ${left === 1 ? "answer is" : "answers are"} not saved yet. Trying again.`);
        await new Promise((resolve) => setTimeout(resolve, PAUSE));
      }
    }
    this.sending = false;
    for (const resolve of this.watchers.splice(0)) resolve();
  }
}
