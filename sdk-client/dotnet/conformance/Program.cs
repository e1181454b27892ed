using System.Text.Json;
using System.Text.Json.Nodes;
using DurableGateway.Client;
using DurableGateway.Client.Conformance;

var builder = WebApplication.CreateBuilder(args);
builder.Logging.ClearProviders();
builder.WebHost.UseUrls("http://127.0.0.1:" + Environment.GetEnvironmentVariable("PORT"));
builder.Services.AddHttpClient();
builder.Services.AddDurableSteps(options =>
{
    options.SuspendAfter = TimeSpan.FromMilliseconds(200);
    options.Build = "conformance";
});
var file = Environment.GetEnvironmentVariable("JOURNAL") ?? throw new InvalidOperationException("JOURNAL is not set.");
builder.Services.AddSingleton(new Journal(file));
var app = builder.Build();

app.MapGet("/ready", () => new { language = "dotnet", lacks = Array.Empty<string>() });

app.MapPost("/program", async (HttpContext context, IStep step, Journal journal, IHttpClientFactory http) =>
{
    var program = (await JsonNode.ParseAsync(context.Request.Body))!.AsObject();
    var id = program["case"]!.GetValue<string>();
    var run = step.Run;
    var execution = journal.Write(id, "handler", members: new JsonObject
    {
        ["durable"] = run.IsDurable,
        ["runId"] = run.Id,
        ["attempt"] = run.IsDurable ? run.Attempt : null,
    });
    try
    {
        var interpreter = new Interpreter(step, journal, http.CreateClient(), id, execution, context.RequestAborted);
        var values = await interpreter.ListAsync(program["do"]!.AsArray());
        return Results.Text(JsonSerializer.Serialize(values), "application/json");
    }
    catch (RespondException e)
    {
        foreach (var (name, value) in e.Headers) context.Response.Headers[name] = value;
        return Results.Text(e.Body, "application/json", statusCode: e.Status);
    }
    catch (StreamException e)
    {
        await e.SendAsync(context);
        return Results.Empty;
    }
    finally
    {
        journal.Write(id, "end");
    }
}).WithDurableSteps();

app.Lifetime.ApplicationStarted.Register(() => Console.WriteLine("listening"));
app.Run();
