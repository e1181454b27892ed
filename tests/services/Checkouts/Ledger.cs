using System.Net;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace DurableGateway.Services.Checkouts;

/// <summary>
/// The three services that a shop calls. They carry out a call once for each <c>Idempotency-Key</c>, as payment providers do, and every
/// call that has none. One call in four fails: before its effect, or after it.
/// </summary>
internal sealed class Ledger : IAsyncDisposable
{
    private readonly Lock _lock = new();
    private readonly WebApplication _app;
    private readonly Random _random;
    private readonly List<Effect> _effects = [];
    private readonly Dictionary<string, Answer> _answers = [];
    private Trap? _trap;

    private Ledger(WebApplication app, Random random) => (_app, _random) = (app, random);

    public string Url => _app.Urls.First();

    /// <summary>What was carried out, in order.</summary>
    public Effect[] Effects
    {
        get
        {
            lock (_lock) return [.. _effects];
        }
    }

    /// <summary>Calls that were carried out before under the same key, and were answered as before.</summary>
    public int Recognized { get; private set; }

    public static async Task<Ledger> StartAsync(Random random)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        var ledger = new Ledger(builder.Build(), random);
        ledger._app.MapPost("/{kind}", (string kind, Call call, HttpContext context) => ledger.ServeAsync(kind, call, context));
        await ledger._app.StartAsync();
        return ledger;
    }

    /// <param name="calls">The trap closes on this call, counted from now.</param>
    /// <param name="stage">Where in the call it closes. The call waits for that.</param>
    /// <param name="close">What happens then.</param>
    public void Arm(int calls, Stage stage, Func<Task> close)
    {
        lock (_lock) _trap = new Trap(calls, stage, close);
    }

    public void Disarm()
    {
        lock (_lock) _trap = null;
    }

    /// <summary>Waits for the calls that are being carried out, and takes no more.</summary>
    public Task StopAsync() => _app.StopAsync();

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task ServeAsync(string kind, Call call, HttpContext context)
    {
        int fate, delay;
        Trap? trap = null;
        lock (_lock)
        {
            (fate, delay) = (_random.Next(100), _random.Next(40));
            if (_trap is { } armed && --armed.Calls == 0) (trap, _trap) = (armed, null);
        }

        // Calls that are made at once come apart, so that a kill finds the orders in different places.
        await Task.Delay(delay);
        if (trap?.Stage == Stage.AfterAnswer) context.Response.OnCompleted(trap.Close);
        if (trap?.Stage == Stage.BeforeEffect) await trap.Close();
        if (trap is null && fate < 10)
        {
            context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
            return;
        }

        var answer = CarryOut(kind, call.Number, context.Request.Headers["Idempotency-Key"].ToString());
        if (trap?.Stage == Stage.AfterEffect) await trap.Close();
        if (trap is null && fate is >= 10 and < 20) context.Abort();
        else if (trap is null && fate is >= 20 and < 25) context.Response.StatusCode = StatusCodes.Status500InternalServerError;
        else await context.Response.WriteAsJsonAsync(answer, JsonSerializerOptions.Web);
    }

    private Answer CarryOut(string kind, int order, string key)
    {
        lock (_lock)
        {
            if (key.Length > 0 && _answers.TryGetValue($"{kind} {key}", out var known))
            {
                Recognized++;
                return known;
            }

            var answer = new Answer($"{kind} {_effects.Count}", $"parcel {_effects.Count}");
            _effects.Add(new Effect(kind, order, answer.Id));
            if (key.Length > 0) _answers[$"{kind} {key}"] = answer;
            return answer;
        }
    }

    internal readonly record struct Effect(string Kind, int Order, string Id);

    internal sealed record Call(int Number);

    internal sealed record Answer(string Id, string Tracking);

    private sealed class Trap(int calls, Stage stage, Func<Task> close)
    {
        public int Calls { get; set; } = calls;
        public Stage Stage { get; } = stage;
        public Func<Task> Close { get; } = close;
    }
}
