using System.Collections.Concurrent;
using DurableGateway.Tests.Support;
using Microsoft.AspNetCore.Mvc;

namespace DurableGateway.Client.Tests.Support;

/// <summary>A handler, and how often it and its steps were executed.</summary>
internal sealed class Journey(Func<IStep, HttpContext, Journey, Task> handler)
{
    private readonly ConcurrentDictionary<string, int> _executed = new();

    public int Attempts { get; private set; }

    public int Executed(string what) => _executed.GetValueOrDefault(what);

    /// <summary>Counts an execution: the first is 1.</summary>
    public int Count(string what) => _executed.AddOrUpdate(what, 1, (_, count) => count + 1);

    public Task HandleAsync(IStep step, HttpContext context)
    {
        Attempts++;
        return handler(step, context, this);
    }
}

/// <summary>A real gateway in front of a real service that hosts the SDK in every supported way, shared by all tests.</summary>
public sealed class Journeys : IAsyncLifetime
{
    public const int MaxAttempts = 4;

    private static int _count;

    private readonly ConcurrentDictionary<string, Journey> _journeys = new();
    private SdkService _service = null!;

    internal GatewayProcess Gateway { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        _service = await SdkService.StartAsync(Map, configure: services => services.AddSingleton(this));
        Gateway = await GatewayProcess.StartAsync(
            _service.Url,
            "Durable:Policies:default:Retry:Delay=00:00:00.020",
            "Durable:Policies:default:Retry:Jitter=false",
            $"Durable:Policies:default:Retry:MaxAttempts={MaxAttempts}",
            "Durable:Policies:default:MaxStepBytes=200000");
    }

    public async ValueTask DisposeAsync()
    {
        await Gateway.DisposeAsync();
        await _service.DisposeAsync();
    }

    /// <summary>Gives a journey its own path.</summary>
    /// <param name="host">How the handler is hosted: minimal, group, mvc, mapped, handled, plain; stream, for a GET.</param>
    /// <param name="journey">The handler.</param>
    internal string Add(string host, Journey journey)
    {
        var id = $"{Interlocked.Increment(ref _count)}";
        _journeys[id] = journey;
        return $"/{host}/{id}";
    }

    internal Journey this[string id] => _journeys[id];

    private void Map(WebApplication app)
    {
        app.MapPost("/minimal/{id}",
            (string id, IStep step, HttpContext context) => this[id].HandleAsync(step, context)).WithDurableSteps();
        app.MapGet("/stream/{id}", (string id, IStep step, HttpContext context) => this[id].HandleAsync(step, context)).WithDurableSteps();
        app.MapGroup("/group").WithDurableSteps().MapPost("/{id}",
            (string id, IStep step, HttpContext context) => this[id].HandleAsync(step, context));
        app.MapControllers().WithDurableSteps();
        app.Map("/plain", branch =>
        {
            branch.UseDurableSteps();
            branch.Run(context => this[context.Request.Path.Value![1..]].HandleAsync(context.RequestServices.GetRequiredService<IStep>(),
                context));
        });
        app.Map("/handled", branch =>
        {
            branch.UseDurableSteps();
            branch.UseExceptionHandler();
            branch.UseRouting();
            branch.UseEndpoints(endpoints => endpoints.MapControllers());
        });
    }
}

/// <summary>A controller with injected steps.</summary>
[ApiController]
public sealed class JourneyController(Journeys journeys, IStep step) : ControllerBase
{
    [HttpPost("/mvc/{id}")]
    [HttpPost("/{id}")]
    public Task Post(string id) => journeys[id].HandleAsync(step, HttpContext);
}
