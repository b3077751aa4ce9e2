/** Asks again when something happened, but never twice at once nor more often than wanted. */
export class Refresher {
  private running = false;
  private wanted = false;
  private stopped = false;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private last = Number.NEGATIVE_INFINITY;

  /** `load` handles its own failures. `gap`: the least between two starts, ms. */
  constructor(
    private readonly load: () => Promise<void>,
    private readonly gap: number,
  ) {}

  ask(): void {
    this.wanted = true;
    if (this.running || this.stopped || this.timer !== undefined) return;
    this.timer = setTimeout(this.run, Math.max(0, this.last + this.gap - performance.now()));
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  private readonly run = (): void => {
    this.timer = undefined;
    this.wanted = false;
    this.running = true;
    this.last = performance.now();
    void this.load().finally(() => {
      this.running = false;
      if (this.wanted) this.ask();
    });
  };
}
