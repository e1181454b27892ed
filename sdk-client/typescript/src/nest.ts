import type { IncomingMessage, ServerResponse } from "node:http";
import {
  applyDecorators,
  type CallHandler,
  createParamDecorator,
  type ExecutionContext,
  HttpException,
  type NestInterceptor,
  UseInterceptors,
} from "@nestjs/common";
import { defer, lastValueFrom, type Observable } from "rxjs";
import { StepUsageError } from "./core/errors.js";
import { type DurableOptions, type Settings, settle } from "./core/options.js";
import { isBelow500, keepHeaders, serve, stepOf } from "./node-http.js";

export * from "./node.js";

interface HttpRequest {
  /** Fastify's request has Node's; that of Express is one. */
  readonly raw?: IncomingMessage;
}

interface HttpResponse {
  readonly raw?: ServerResponse;
  /** Both platforms have these. */
  header(name: string, value: string | string[]): unknown;
  getHeaders(): Record<string, unknown>;
  removeHeader(name: string): unknown;
  /** Of Fastify: nobody else answers. */
  hijack?(): unknown;
}

const rawRequest = (context: ExecutionContext) => {
  const request = context.switchToHttp().getRequest<HttpRequest>();
  return request.raw ?? (request as IncomingMessage);
};

/** Makes durable steps of what is behind it. {@link Durable} sets it; use it itself for `app.useGlobalInterceptors`. */
export class DurableInterceptor implements NestInterceptor {
  readonly #settings: Settings;

  constructor(options?: DurableOptions) {
    this.#settings = settle(options);
  }

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    if (context.getType() !== "http") return next.handle();
    return defer(async () => {
      const response = context.switchToHttp().getResponse<HttpResponse>();
      const raw = response.raw ?? (response as unknown as ServerResponse);
      const restore = keepHeaders(response, (name, value) => response.header(name, value));
      const served = await serve(rawRequest(context), raw, this.#settings, isResponse, () =>
        lastValueFrom(next.handle(), { defaultValue: undefined }),
      );
      switch (served.kind) {
        case "returned":
          return served.value;
        case "threw":
          throw served.error;
        case "gone":
          // Otherwise Nest would answer on a connection that is closed.
          response.hijack?.();
          throw new HttpException("The response was cut off.", 500);
        case "answer":
          restore();
          for (const [name, value] of Object.entries(served.answer.headers)) response.header(name, value);
          // The body of a suspension is nobody's.
          throw new HttpException(served.answer.problem ?? {}, served.answer.status);
      }
    });
  }
}

/**
 * Makes durable steps of a handler, or of all handlers of a controller.
 *
 * @example
 * @Post("checkout")
 * @Durable()
 * async checkOut(@Body() order: Order, @InjectStep() step: Step) {
 *   return step.run("charge", () => this.payments.charge(order));
 * }
 */
export function Durable(options?: DurableOptions): MethodDecorator & ClassDecorator {
  return applyDecorators(UseInterceptors(new DurableInterceptor(options)));
}

/** The step of the request, as a parameter of a handler. */
export const InjectStep: () => ParameterDecorator = createParamDecorator((_: unknown, context: ExecutionContext) => {
  const step = stepOf(rawRequest(context));
  if (!step) throw new StepUsageError("A handler that is not durable uses @InjectStep(). Add @Durable() to it, or to its controller.");
  return step;
});

function isResponse(error: unknown): boolean {
  return error instanceof HttpException && isBelow500(error.getStatus());
}
