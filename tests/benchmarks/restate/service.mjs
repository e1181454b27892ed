// What tests/benchmarks/BenchmarkService.cs does with /steps, as a service of Restate: so many steps, each with a small outcome.
//   node service.mjs <port>
import * as restate from "@restatedev/restate-sdk";

// Node has this from version 22 on, and the SDK takes it for granted.
Promise.withResolvers ??= function () {
  const deferred = {};
  deferred.promise = new this((resolve, reject) => Object.assign(deferred, { resolve, reject }));
  return deferred;
};

const bench = restate.service({
  name: "bench",
  handlers: {
    steps: async (context, count) => {
      for (let step = 0; step < count; step++) await context.run(`step-${step}`, () => "xxxxxxxxxxxxxxxxxxxxxxxxx");
      return { hello: "world" };
    },
  },
});
restate.serve({ services: [bench], port: Number(process.argv[2]) });
