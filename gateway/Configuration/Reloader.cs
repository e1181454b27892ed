using DurableGateway.Diagnostics;
using Microsoft.Extensions.Primitives;

namespace DurableGateway.Configuration;

/// <summary>
/// Applies changes of the configuration. A change must pass the checks of the start. It is applied completely, or it is refused and the
/// gateway continues with its current configuration.
/// </summary>
internal sealed class Reloader(
    IConfiguration configuration, PolicyRegistry policies, RouteSource routes, ILogger<Reloader> log) : IHostedService, IDisposable
{
    /// <summary>The keys that are read only at the start.</summary>
    private static readonly string[] Fixed = [SettingsBinder.Section + ":", "Kestrel:"];
    private static readonly string Policies = $"{SettingsBinder.Section}:{PolicyBinder.Section}:";

    private readonly Lock _lock = new();
    private readonly Dictionary<string, string?> _atStart = Copy(configuration);
    private Dictionary<string, string?> _seen = [];
    private ConfigurationError[] _faults = [];
    private string _waiting = "";
    private IDisposable? _subscription;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _seen = _atStart;
        _subscription = ChangeToken.OnChange(configuration.GetReloadToken, Consider);
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        _subscription?.Dispose();
        return Task.CompletedTask;
    }

    public void Dispose() => _subscription?.Dispose();

    private void Consider()
    {
        lock (_lock)
        {
            try
            {
                // One save often causes two notifications.
                var (changed, faults) = (Copy(configuration), ConfigurationFiles.Faults(configuration));
                if (changed.Count == _seen.Count && !changed.Except(_seen).Any() && faults.SequenceEqual(_faults)) return;
                (_seen, _faults) = (changed, faults);
                if (faults.Length > 0) throw new ConfigurationException(faults);
                Take(changed);
            }
            catch (ConfigurationException e)
            {
                log.ReloadRefused(e.Message);
            }
            catch (Exception e)
            {
                log.ReloadFailed(e);
            }
        }
    }

    private void Take(Dictionary<string, string?> changed)
    {
        // This copy is checked and used, because the files may change in the meantime.
        var candidate = new ConfigurationBuilder().AddInMemoryCollection(changed).Build();
        var settings = GatewayConfiguration.Read(candidate);
        if (!GatewayConfiguration.HasRoutes(candidate)) throw new ConfigurationException("ReverseProxy:Routes", null, "has no route");

        // Policies first, because a route must find its policy.
        policies.Use(settings.Policies);
        routes.Use(candidate);
        log.Reloaded(candidate.GetSection("ReverseProxy:Routes").GetChildren().Count(), settings.Policies.Count);

        var waiting = string.Join(", ", changed.Except(_atStart).Concat(_atStart.Except(changed))
            .Where(pair => pair.Value is not null).Select(pair => pair.Key).Where(IsFixed)
            .Distinct(StringComparer.OrdinalIgnoreCase).Order(StringComparer.OrdinalIgnoreCase));
        if (waiting.Length > 0 && waiting != _waiting) log.RestartNeeded(waiting);
        _waiting = waiting;
    }

    private static bool IsFixed(string key) =>
        Fixed.Any(section => key.StartsWith(section, StringComparison.OrdinalIgnoreCase))
            && !key.StartsWith(Policies, StringComparison.OrdinalIgnoreCase);

    private static Dictionary<string, string?> Copy(IConfiguration configuration) =>
        new(configuration.AsEnumerable(), StringComparer.OrdinalIgnoreCase);
}
