/** Lets one piece of work run at a time, in the order they came. */
export class Turns {
  private last: Promise<unknown> = Promise.resolve();

  take<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.last.then(work);
    this.last = mine.catch(() => {}); // whoever took the turn hears of its failure; the next one does not care
    return mine;
  }
}
