import type { BatchContext, JobInfo, RgbImage, StepReport, Txt2ImgRequest } from '@atelier/sdk';
import type { ErrorReport, PreviewMethod, Stage } from '@atelier/sdk/contracts';
import type { Points } from '../hooks/index.js';
import type { ModelLibrary } from '../library/model-library.js';
import type { JobControl } from './job-control.js';
import type { Shelves } from './shelves.js';

/** What the pipeline is given to make a job's pictures. */
export interface JobContext {
  info: JobInfo;
  /** The places where extensions act. */
  hooks: Points;
  library: ModelLibrary;
  /** The samplers and schedules there are, by name. */
  shelves: Shelves;
  control: JobControl;
  previewMethod: PreviewMethod;
  /** Told what is going on; each may be slow to reach anyone and none may fail the job. */
  report: {
    /** What will be made, as extensions left it. */
    request(asked: Txt2ImgRequest): void;
    stage(stage: Stage): void;
    /** Something that was asked for could not be done, and the pictures are made without it. Told once in a job. */
    warning(warning: ErrorReport): void;
    batch(batch: BatchContext): void;
    step(report: StepReport, preview: () => Promise<RgbImage>): void;
  };
}

/** One finished picture and the text that goes into its file. */
export interface FinishedImage {
  image: RgbImage;
  /** Position within the job. */
  index: number;
  seed: number;
  parameters: string;
}
