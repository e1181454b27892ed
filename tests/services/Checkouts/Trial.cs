using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using DurableGateway.Tests.Support;

namespace DurableGateway.Services.Checkouts;

/// <summary>Orders that one shop gets through the gateway, while it is killed and its calls fail.</summary>
internal sealed class Trial : IDisposable
{
    /// <summary>How many orders are in flight when the shop is killed.</summary>
    private const int AtOnce = 10;

    private static readonly string[] Kinds = ["charges", "labels", "mails"];
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    private readonly Lock _lock = new();
    private readonly HashSet<int> _open = [];
    private readonly HashSet<int> _struck = [];
    private readonly List<string> _failures = [];
    private readonly Random _random;
    private readonly SemaphoreSlim _killing = new(1, 1);
    private readonly ConcurrentDictionary<int, Confirmation> _confirmations = [];
    private Ledger.Effect[] _effects = [];
    private Task _restart = Task.CompletedTask;

    private Trial(Random random, int orders) => (_random, Orders) = (random, orders);

    public int Orders { get; }

    /// <summary>How often the shop was killed.</summary>
    public int Kills { get; private set; }

    /// <summary>Orders that were in flight when the shop was killed.</summary>
    public int Struck => _struck.Count;

    /// <summary>Calls that were carried out before under the same key.</summary>
    public int Recognized { get; private set; }

    /// <summary>Orders without the response of the shop.</summary>
    public IReadOnlyList<string> Failures => _failures;

    /// <summary>Orders of which each effect has happened once.</summary>
    public int Exact => Enumerable.Range(1, Orders)
        .Count(order => Kinds.All(kind => _effects.Count(effect => effect.Kind == kind && effect.Order == order) == 1));

    public int Charges => Count("charges");
    public int Labels => Count("labels");
    public int Mails => Count("mails");

    /// <summary>Effects that have happened again.</summary>
    public int Repeated => _effects.Length - _effects.DistinctBy(effect => (effect.Kind, effect.Order)).Count();

    public void Dispose() => _killing.Dispose();

    /// <param name="shop">The shop.</param>
    /// <param name="tools">What it needs.</param>
    /// <param name="orders">How many orders it gets.</param>
    /// <param name="throughListener">Whether its calls go through the gateway's egress listener.</param>
    /// <param name="random">Chooses the faults.</param>
    public static async Task<Trial> RunAsync(Shop shop, Tools tools, int orders, bool throughListener, Random random)
    {
        var trial = new Trial(random, orders);
        var directory = Directory.CreateTempSubdirectory($"durable-checkouts-{shop.Name}-").FullName;
        try
        {
            await using var ledger = await Ledger.StartAsync(random);
            var egress = $"http://127.0.0.1:{FreePort.Next()}";
            var partners = throughListener && !shop.UsesProxy
                ? new Partners($"{egress}/payments/", $"{egress}/shipping/", $"{egress}/mails/")
                : new Partners($"{ledger.Url}/", $"{ledger.Url}/", $"{ledger.Url}/") { Proxy = throughListener ? egress : null };
            await using var service = await Server.StartAsync(shop.Name, port => shop.Start(tools, directory, port, partners));
            await using var gateway = await Server.GatewayAsync(service.Url, directory, FreePort.Next(),
            [
                $"Durable:Listeners:Egress={egress}", "Durable:Policies:default:Retry:MaxAttempts=1000",
                "Durable:Policies:default:Retry:MaxDelay=00:00:00.500",
                .. Route("payments", "charges", shop, ledger), .. Route("shipping", "labels", shop, ledger),
                .. Route("mails", "mails", shop, ledger),
            ]);
            await trial.PlaceAsync(service, gateway, ledger);
            (trial._effects, trial.Recognized) = (ledger.Effects, ledger.Recognized);
            trial.CheckConfirmations();
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }

        return trial;
    }

    private static string[] Route(string name, string kind, Shop shop, Ledger ledger) =>
    [
        .. shop.UsesProxy
            ? new[]
            {
                $"ReverseProxy:Routes:{name}:Match:Hosts:0={new Uri(ledger.Url).Authority}",
                $"ReverseProxy:Routes:{name}:Match:Path=/{kind}",
            }
            :
            [
                $"ReverseProxy:Routes:{name}:Match:Path=/{name}/{{**rest}}",
                $"ReverseProxy:Routes:{name}:Transforms:0:PathRemovePrefix=/{name}",
            ],
        $"ReverseProxy:Routes:{name}:ClusterId={name}",
        $"ReverseProxy:Routes:{name}:Metadata:Durable.Step=Remember",
        $"ReverseProxy:Clusters:{name}:Destinations:one:Address={ledger.Url}",
    ];

    private async Task PlaceAsync(Server service, Server gateway, Ledger ledger)
    {
        using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = gateway.Url, Timeout = Patience };
        foreach (var orders in Enumerable.Range(1, Orders).Chunk(AtOnce))
        {
            // Each order makes at least one call, and few fewer than three.
            ArmTrap(service, ledger, calls: _random.Next(1, Math.Max(2, orders.Length * 5 / 2)));
            await Task.WhenAll(orders.Select(order => PlaceAsync(client, order)));
            ledger.Disarm();
        }

        // A shop that is being started again must have started before it is stopped for good.
        await ledger.StopAsync();
        await _killing.WaitAsync();
        await _restart;
    }

    private void ArmTrap(Server service, Ledger ledger, int calls)
    {
        Stage stage;
        lock (_lock) stage = (Stage)_random.Next(3);
        ledger.Arm(calls, stage, async () =>
        {
            await _killing.WaitAsync();
            lock (_lock) _struck.UnionWith(_open);
            Kills++;
            await service.KillAsync();
            _restart = RestartAsync(service, ledger);
        });
    }

    private async Task RestartAsync(Server service, Ledger ledger)
    {
        try
        {
            await service.StartAgainAsync();
            int calls;
            lock (_lock) calls = _random.Next(1, 2 * AtOnce);

            // Sometimes a replay is killed, too.
            if (calls <= AtOnce) ArmTrap(service, ledger, calls);
        }
        finally
        {
            _killing.Release();
        }
    }

    private async Task PlaceAsync(HttpClient client, int order)
    {
        lock (_lock) _open.Add(order);
        try
        {
            // Python's server wants a length, which JsonContent does not set.
            using var content = new StringContent($$"""{"number":{{order}},"amount":49.9}""", Encoding.UTF8, "application/json");
            using var response = await client.PostAsync("/orders", content);
            var body = await response.Content.ReadAsStringAsync();
            if (response.IsSuccessStatusCode)
                _confirmations[order] = JsonSerializer.Deserialize<Confirmation>(body, JsonSerializerOptions.Web)!;
            else Fail($"order {order} was answered with {(int)response.StatusCode} {body}");
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException or JsonException)
        {
            Fail($"order {order} has no answer: {e.Message}");
        }

        lock (_lock) _open.Remove(order);
    }

    /// <summary>Each client must have got the response that names the charge of its own order.</summary>
    private void CheckConfirmations()
    {
        foreach (var (order, confirmation) in _confirmations)
        {
            if (confirmation.Order != order || !_effects.Contains(new Ledger.Effect("charges", order, confirmation.Charge)))
                Fail($"order {order} was answered with {confirmation}");
        }
    }

    private void Fail(string what)
    {
        lock (_lock) _failures.Add(what);
    }

    private int Count(string kind) => _effects.Count(effect => effect.Kind == kind);

    /// <summary>The response of the shop.</summary>
    private sealed record Confirmation(int Order, string Charge, string Tracking);
}
