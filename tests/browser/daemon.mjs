/** The real daemon, with a data folder of its own, on a port of 127.0.0.1 that was free. */

import { spawn } from "node:child_process";
import { createHmac, randomUUID } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { createInterface } from "node:readline";

/** Milliseconds within which a daemon says where it listens; a machine that compiles beside it is slow. */
const START_WITHIN = 60_000;

const binary = resolve(process.env.SWITCHBOARD_BIN ?? join(import.meta.dirname, "../../target/debug/switchboard"));

/** Processes that are running, and folders; none outlives this process. */
const running = new Set();
const folders = new Set();
process.on("exit", () => {
  running.forEach((child) => child.kill("SIGKILL"));
  folders.forEach((folder) => rmSync(folder, { recursive: true, force: true }));
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, () => process.exit(1));

export class Daemon {
  folder = mkdtempSync(join(tmpdir(), "switchboard-browser-"));
  port = 0;
  /** Of the first administrator, whose login is `admin`. */
  password = "";
  /** What it wrote to the standard error output. */
  log = "";
  #child;

  /** `config` is what its switchboard.toml says; `files` stand beside it, by path. */
  static async start(config = "", files = {}) {
    if (!existsSync(binary)) throw new Error(`${binary} is not there: run cargo build, or name the binary in SWITCHBOARD_BIN`);
    const daemon = new Daemon();
    folders.add(daemon.folder);
    for (const [path, text] of Object.entries({ "switchboard.toml": config, ...files })) {
      mkdirSync(dirname(join(daemon.folder, path)), { recursive: true });
      writeFileSync(join(daemon.folder, path), text);
    }
    await daemon.run();
    return daemon;
  }

  get url() {
    return `http://localhost:${this.port}`;
  }

  /** Starts it, at the port and with the data of before, and waits until it listens. */
  async run() {
    const own = Object.entries(process.env).filter(([name]) => !name.startsWith("SWITCHBOARD_"));
    const child = spawn(binary, ["run", "--listen", `127.0.0.1:${this.port}`, "--data", join(this.folder, "data")], {
      cwd: this.folder,
      env: Object.fromEntries(own),
      stdio: ["ignore", "pipe", "pipe"],
    });
    running.add(child);
    child.on("exit", () => running.delete(child));
    child.stderr.on("data", (bytes) => (this.log += bytes));
    this.#child = child;
    await new Promise((listens, fails) => {
      const late = setTimeout(() => fails(new Error(`the daemon does not start:\n${this.log}`)), START_WITHIN);
      child.once("error", fails);
      child.once("exit", (code) => fails(new Error(`the daemon ended with ${code}:\n${this.log}`)));
      const port = this.port === 0 ? /^Switchboard listens on .*:(\d+)$/ : /^Switchboard (listens) on /;
      // The password is the last thing that a first start prints.
      const last = this.password === "" ? /^ {2}([\w-]{20,})$/ : port;
      createInterface(child.stdout).on("line", (line) => {
        if (this.port === 0 && port.test(line)) this.port = Number(port.exec(line)[1]);
        if (!last.test(line)) return;
        this.password ||= last.exec(line)[1];
        clearTimeout(late);
        listens();
      });
    });
  }

  /** Ends it with no chance to finish anything. */
  async kill() {
    await this.#end("SIGKILL");
  }

  /** Stops it and removes its data. */
  async stop() {
    await this.#end("SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
    folders.delete(this.folder);
  }

  async #end(signal) {
    if (!running.has(this.#child)) return;
    const ended = once(this.#child, "exit");
    this.#child.kill(signal);
    await ended;
  }

  /** What the daemon answers to a program of the company, which may see everything. */
  async get(path) {
    const { token } = JSON.parse(readFileSync(join(this.folder, "data/daemon.json"), "utf8"));
    const answer = await fetch(`${this.url}/api/v1${path}`, { headers: { authorization: `Bearer ${token}` } });
    if (!answer.ok) throw new Error(`GET ${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }

  /** Asks the API for a change, as a program. */
  async post(path, body, method = "POST") {
    const { token } = JSON.parse(readFileSync(join(this.folder, "data/daemon.json"), "utf8"));
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const answer = await fetch(`${this.url}/api/v1${path}`, { method, headers, body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }

  /** Waits until everything that was accepted has had its turn. */
  async decided() {
    for (;;) {
      const { accepted, decided } = await this.get("/ledger");
      if (accepted === decided) return;
    }
  }

  /** Sends a message as another system does: over a channel of kind `http`, signed. */
  async write(from, text, { channel = "http", ...more } = {}) {
    const secret = Buffer.from(readFileSync(join(this.folder, "data/secrets", channel), "utf8").trim(), "base64");
    const body = JSON.stringify({ id: randomUUID(), from, text, ...more });
    const [id, time] = [randomUUID(), String(Math.floor(Date.now() / 1000))];
    const signature = createHmac("sha256", secret).update(`${id}.${time}.${body}`).digest("base64");
    const answer = await fetch(`${this.url}/channels/${channel}/messages`, {
      method: "POST",
      body,
      headers: {
        "content-type": "application/json",
        "webhook-id": id,
        "webhook-timestamp": time,
        "webhook-signature": `v1,${signature}`,
      },
    });
    if (answer.status !== 202) throw new Error(`channel ${channel} answered ${answer.status}: ${await answer.text()}`);
  }
}
