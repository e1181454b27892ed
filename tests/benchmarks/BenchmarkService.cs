using System.Net;

namespace DurableGateway.Benchmarks;

/// <summary>The service behind every route: answers at once, takes ten steps, or fails the first time.</summary>
internal static class BenchmarkService
{
    private const int Steps = 10;
    private static readonly byte[] Hello = "{\"hello\":\"world\"}"u8.ToArray();
    private static readonly byte[] StepBody = "{\"id\":12345,\"state\":\"done\"}"u8.ToArray();

    public static async Task RunAsync(int port)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, port));
        using var client = new HttpClient();
        var app = builder.Build();
        app.Run(async context =>
        {
            var path = context.Request.Path.Value!;
            if (path.EndsWith("/steps", StringComparison.Ordinal)) await TakeStepsAsync(context, client);

            // The client sees when the replay reached the service: both ends of the span are on one machine's clock.
            var now = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();
            if (path.EndsWith("/flaky", StringComparison.Ordinal))
            {
                if (context.Request.Headers["Durable-Attempt"] == "1")
                {
                    context.Response.StatusCode = 503;
                    context.Response.Headers.RetryAfter = "0";
                    return;
                }

                context.Response.Headers["X-Reached"] = now.ToString(System.Globalization.CultureInfo.InvariantCulture);
            }

            context.Response.ContentType = "application/json";
            context.Response.ContentLength = Hello.Length;
            await context.Response.Body.WriteAsync(Hello);
        });
        await app.RunAsync();
    }

    private static async Task TakeStepsAsync(HttpContext context, HttpClient client)
    {
        var callback = context.Request.Headers["Durable-Callback"].ToString();
        for (var step = 0; step < Steps && callback.Length > 0; step++)
        {
            using var call = new HttpRequestMessage(HttpMethod.Put, $"{callback}/steps/step-{step}")
            {
                Content = new ByteArrayContent(StepBody)
            };
            call.Content.Headers.ContentType = new("application/json");
            call.Headers.Add("Durable-Token", context.Request.Headers["Durable-Token"].ToString());
            using var answer = await client.SendAsync(call);
            answer.EnsureSuccessStatusCode();
        }
    }
}
