namespace DurableGateway.Services.Parts;

/// <summary>A service of events (SSE) on plain node.</summary>
internal sealed class EventsPart : Part
{
    public override string Name => "events";
    public override bool MakesSteps => false;
    public override IReadOnlyList<string> Commands => ["node"];

    public override Task<Server> StartAsync(Tools tools, string directory) => Server.StartAsync("sse-server.js",
        port => Command.Start(directory, "node", Path.Combine(AppContext.BaseDirectory, "scripts/sse-server.js"), $"{port}"));

    public override Task ExerciseAsync(Exercise exercise, Tools tools) =>
        exercise.ScriptAsync(tools, "sse-client.js", exercise.Url(""), exercise.Lane);
}
