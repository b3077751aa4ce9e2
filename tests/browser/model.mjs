/** A model's server that nobody here wrote (npm's aimock), which plays what a test gives it. */

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const command = join(import.meta.dirname, "../models/node_modules/@copilotkit/aimock/dist/cli.js");
const ANSWERS = readFileSync(join(import.meta.dirname, "../models/answers.yaml"), "utf8");

export class Model {
  url = "";
  #child;
  #folder = mkdtempSync(join(tmpdir(), "switchboard-model-"));

  /** One that plays these: `{match, response}`, the first that fits. */
  static async plays(fixtures) {
    if (!existsSync(command)) throw new Error(`${command} is not there: run npm ci --prefix tests/models`);
    const model = new Model();
    const file = join(model.#folder, "fixtures.json");
    writeFileSync(file, JSON.stringify({ fixtures }));
    const child = spawn("node", [command, "-p", "0", "-h", "127.0.0.1", "--strict", "-f", file], { stdio: ["ignore", "pipe", "inherit"] });
    model.#child = child;
    process.once("exit", () => model.close());
    await new Promise((listens, fails) => {
      child.once("error", fails);
      child.once("exit", (code) => fails(new Error(`the model's server ended with ${code}`)));
      createInterface(child.stdout).on("line", (line) => {
        const said = /listening on (\S+)/.exec(line);
        if (said) listens((model.url = said[1]));
      });
    });
    return model;
  }

  /** What a shop's daemon needs that asks it where the bot would have to be sure of an answer: a token costs a millionth of a yuan. */
  get files() {
    const price = '[model.price]\ninput = 1.0\noutput = 1.0\ncurrency = "CNY"\n';
    return { "routing-rules/90-answer.yaml": ANSWERS, "switchboard.toml": `[model]\nurl = "${this.url}/v1"\nname = "mock"\n${price}` };
  }

  close() {
    this.#child.kill("SIGTERM");
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
