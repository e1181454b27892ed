namespace DurableGateway.Services.Parts;

/// <summary>A WebSocket service on the <c>ws</c> package, and its client.</summary>
internal sealed class WebSocketPart : Part
{
    public override string Name => "websocket";
    public override bool MakesSteps => false;
    public override IReadOnlyList<string> Commands => ["node"];
    public override bool NeedsNpm => true;

    public override Task<Server> StartAsync(Tools tools, string directory) => Server.StartAsync("ws-server.js", port =>
    {
        var start = Command.Start(directory, "node", Path.Combine(AppContext.BaseDirectory, "scripts/ws-server.js"), $"{port}");
        start.Environment["NODE_PATH"] = tools.NodeModules;
        return start;
    });

    public override Task ExerciseAsync(Exercise exercise, Tools tools) => exercise.ScriptAsync(tools, "ws-client.js", exercise.Url(""));
}
