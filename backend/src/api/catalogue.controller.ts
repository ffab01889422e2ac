import { Body, Controller } from '@nestjs/common';
import { countTokens, getCatalogue, getStatus, refreshCatalogue, type BodyOf, type ReplyOf } from '@atelier/sdk/contracts';
import { CatalogueShelf } from '../jobs/catalogue-shelf.js';
import { EngineProcess } from '../jobs/engine-process.js';
import { Endpoint } from './endpoint.decorator.js';
import { version } from '../version.js';

@Controller()
export class CatalogueController {
  constructor(
    private readonly catalogue: CatalogueShelf,
    private readonly engine: EngineProcess,
  ) {}

  @Endpoint(getCatalogue)
  get(): Promise<ReplyOf<typeof getCatalogue>> {
    return this.catalogue.get();
  }

  @Endpoint(refreshCatalogue)
  async refresh(): Promise<ReplyOf<typeof refreshCatalogue>> {
    await this.engine.ask('refresh-catalogue', {});
    return await this.catalogue.get();
  }

  @Endpoint(getStatus)
  status(): ReplyOf<typeof getStatus> {
    return { version, engine: this.engine.status };
  }

  @Endpoint(countTokens)
  countTokens(@Body({ schema: countTokens.body }) input: BodyOf<typeof countTokens>): Promise<ReplyOf<typeof countTokens>> {
    return this.engine.ask('count-tokens', input);
  }
}
