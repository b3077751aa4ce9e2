/** What axe-core finds on a page. */

import { createRequire } from "node:module";

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

/** Serious and critical findings on the page as it stands, each with where it is. */
export async function findings(page) {
  // What fades in is not judged halfway; an end may start the next.
  await page.evaluate(async () => {
    const fading = () => document.getAnimations().filter((animation) => animation.effect.getComputedTiming().endTime < 2_000);
    for (let short = fading(); short.length > 0; short = fading()) {
      await Promise.allSettled(short.map((animation) => animation.finished));
    }
  });
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id}: ${target.join(" ")}: ${failureSummary}`));
}

/** Pages whose scripts may not be reached from outside get axe before their own. */
export async function judged(person) {
  await person.page.addInitScript({ path: AXE });
  await person.page.reload();
  return person;
}
