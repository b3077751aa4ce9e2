/** The shop of `examples/shop`, on a port of 127.0.0.1 that was free, with the rules that the bot needs for it. */

import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { createInterface } from "node:readline";

const daemon = process.env.SWITCHBOARD_BIN ?? join(import.meta.dirname, "../../target/debug/switchboard");
const binary = resolve(process.env.SHOP_BIN ?? join(dirname(daemon), "switchboard-shop"));
const own = join(import.meta.dirname, "../../examples/shop/rules");
const shipped = join(import.meta.dirname, "../../routing-rules");

export class Shop {
  url = "";
  #child;

  static async open() {
    if (!existsSync(binary)) throw new Error(`${binary} is not there: run cargo build --workspace, or name the binary in SHOP_BIN`);
    const shop = new Shop();
    const child = spawn(binary, ["--listen", "127.0.0.1:0", "--faults"], { stdio: ["ignore", "pipe", "inherit"] });
    shop.#child = child;
    process.once("exit", () => child.kill("SIGKILL"));
    await new Promise((listens, fails) => {
      child.once("error", fails);
      child.once("exit", (code) => fails(new Error(`the shop ended with ${code}`)));
      createInterface(child.stdout).on("line", (line) => {
        const said = /^The shop listens on (.*)$/.exec(line);
        if (said) listens((shop.url = said[1]));
      });
    });
    return shop;
  }

  /** The rules that ship and those of the shop, with its address, as files beside a daemon. */
  get files() {
    const at = (folder, name) => readFileSync(join(folder, name), "utf8").replaceAll("http://127.0.0.1:7070", this.url);
    const of = (folder) =>
      readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((file) => file.isFile())
        .map((file) => join(file.parentPath, file.name).slice(folder.length + 1))
        .map((name) => [`routing-rules/${name}`, at(folder, name)]);
    return Object.fromEntries([...of(shipped), ...of(own)]);
  }

  /** What was done, in its order. */
  async effects() {
    return (await (await fetch(`${this.url}/ledger`)).json()).effects;
  }

  /** Makes requests go wrong, or late. */
  async fault(fault) {
    await fetch(`${this.url}/faults`, { method: "PUT", body: JSON.stringify(fault), headers: { "content-type": "application/json" } });
  }

  close() {
    this.#child.kill("SIGTERM");
  }
}
