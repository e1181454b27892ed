using System.Net;

namespace LegacyCheckout;

/// <summary>
/// A service that the shop calls. It does what each call asks for, prints it, and keeps a ledger. It knows no idempotency keys.
/// </summary>
internal sealed class Partner : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly List<int> _ledger = [];
    private Hold? _hold;

    private Partner(string name, WebApplication app) => (Name, _app) = (name, app);

    public string Name { get; }

    public string Url => _app.Urls.First();

    /// <param name="name">The word for what it does.</param>
    /// <param name="path">The path of its calls.</param>
    /// <param name="answer">Its answer to the nth call.</param>
    public static async Task<Partner> StartAsync(string name, string path, Func<int, object> answer)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        var partner = new Partner(name, builder.Build());
        partner._app.MapPost(path, async (Call call) =>
        {
            var nth = partner.Add(call);
            if (Interlocked.Exchange(ref partner._hold, null) is { } hold) await hold.WaitAsync();
            return answer(nth);
        });
        await partner._app.StartAsync();
        return partner;
    }

    /// <summary>The next call is carried out, and its answer is held back.</summary>
    public Hold HoldNext() => _hold = new Hold();

    /// <summary>How often it did its work for an order.</summary>
    public int Count(int order)
    {
        lock (_ledger) return _ledger.Count(number => number == order);
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private int Add(Call call)
    {
        lock (_ledger)
        {
            _ledger.Add(call.Number);
            Console.WriteLine($"   {Name,-7} for order {call.Number}");
            return _ledger.Count;
        }
    }

    internal sealed record Call(int Number);

    /// <summary>An answer that is held back.</summary>
    internal sealed class Hold
    {
        private readonly TaskCompletionSource _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);

        /// <summary>Completes when the call has been carried out.</summary>
        public Task Reached => _reached.Task;

        public void Release() => _released.TrySetResult();

        public Task WaitAsync()
        {
            _reached.TrySetResult();
            return _released.Task;
        }
    }
}
