import { Body, Controller, Param, Query } from '@nestjs/common';
import {
  cancelJob,
  createTxt2ImgJob,
  getJob,
  listJobs,
  skipPicture,
  stopJob,
  type BodyOf,
  type QueryOf,
  type ReplyOf,
} from '@atelier/sdk/contracts';
import { JobLedger } from '../jobs/job-ledger.js';
import { JobService } from '../jobs/job.service.js';
import { Endpoint } from './endpoint.decorator.js';

@Controller()
export class JobController {
  constructor(
    private readonly jobs: JobService,
    private readonly ledger: JobLedger,
  ) {}

  @Endpoint(createTxt2ImgJob)
  async create(
    @Body({ schema: createTxt2ImgJob.body }) request: BodyOf<typeof createTxt2ImgJob>,
    @Query({ schema: createTxt2ImgJob.query }) { place }: QueryOf<typeof createTxt2ImgJob>,
  ): Promise<ReplyOf<typeof createTxt2ImgJob>> {
    const { id } = await this.jobs.create(request, place);
    return { jobId: id };
  }

  @Endpoint(listJobs)
  async list(@Query({ schema: listJobs.query }) query: QueryOf<typeof listJobs>): Promise<ReplyOf<typeof listJobs>> {
    const sequence = await this.ledger.sequence(); // before the list: what changes in between is sent again, not missed
    return { sequence, jobs: await this.ledger.list(query) };
  }

  @Endpoint(getJob)
  find(@Param('id') id: string): Promise<ReplyOf<typeof getJob>> {
    return this.ledger.find(id);
  }

  @Endpoint(cancelJob)
  cancel(
    @Param('id') id: string,
    @Body({ schema: cancelJob.body }) { keep }: BodyOf<typeof cancelJob>,
  ): Promise<ReplyOf<typeof cancelJob>> {
    return this.jobs.cancel(id, keep);
  }

  @Endpoint(stopJob)
  stop(@Param('id') id: string): Promise<ReplyOf<typeof stopJob>> {
    return this.jobs.stopNow(id);
  }

  @Endpoint(skipPicture)
  skip(@Param('id') id: string): Promise<ReplyOf<typeof skipPicture>> {
    return this.jobs.skip(id);
  }
}
