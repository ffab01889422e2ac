import type { Loading, Progress } from '@atelier/sdk/contracts';

const WIDTH = 30;

/** Progress in a terminal: one line that is drawn over; in a file or pipe, one plain line a stage. */
export class ProgressBar {
  private lastStage = '';

  constructor(private readonly stream: NodeJS.WriteStream) {}

  show(progress: Progress): void {
    const { stage, step, steps, fraction, stepsPerSecond, secondsLeft, loading } = progress;
    if (!this.stream.isTTY) {
      if (loading) return; // a part of some stage
      if (stage !== this.lastStage) this.stream.write(`${stage}\n`);
      this.lastStage = stage;
      return;
    }
    const filled = Math.round(fraction * WIDTH);
    const speed = stepsPerSecond === undefined ? '' : ` · ${stepsPerSecond.toFixed(1)} it/s`;
    const left = secondsLeft === undefined ? '' : ` · ${Math.ceil(secondsLeft)} s left`;
    const detail = loading ? loadingDetail(loading) : stage === 'sampling' ? `step ${step} / ${steps}${speed}${left}` : '';
    this.stream.write(`\r\x1b[K${'█'.repeat(filled)}${'░'.repeat(WIDTH - filled)} ${Math.round(fraction * 100)} % ${stage} ${detail}`);
  }

  /** A line of its own; the bar goes on below it. */
  say(line: string): void {
    this.clear();
    this.stream.write(`${line}\n`);
  }

  clear(): void {
    if (this.stream.isTTY) this.stream.write('\r\x1b[K');
  }
}

function loadingDetail({ network, opened, of, bytes }: Loading): string {
  const read = bytes && ` · ${(bytes.read / 1e9).toFixed(1)} of ${(bytes.of / 1e9).toFixed(1)} GB`;
  return `${network}, ${opened + 1} of ${of}${read ?? ''}`;
}
