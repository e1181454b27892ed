using System.Collections.Concurrent;
using System.Text.Json;
using Microsoft.Extensions.Configuration.Json;

namespace DurableGateway.Configuration;

/// <summary>
/// The JSON files of the configuration. At the start one that cannot be read is an error like any other. Later it is read as empty, which is
/// noted here: what a running gateway has is not taken from it by a slip of the pen.
/// </summary>
internal sealed class ConfigurationFiles
{
    private readonly ConcurrentDictionary<FileConfigurationProvider, string> _faults = [];
    private bool _isRunning;

    public void Add(IConfigurationBuilder sources, string path, bool optional, bool reload) => sources.Add<JsonConfigurationSource>(source =>
    {
        (source.Path, source.Optional, source.ReloadOnChange, source.OnLoadException) = (path, optional, reload, OnLoadException);
        source.ResolveFileProvider();
    });

    /// <summary>From here on a file that cannot be read is a fault, not an exception.</summary>
    public void BeginToRun() => _isRunning = true;

    /// <summary>What is wrong with the files as they are now.</summary>
    public IEnumerable<ConfigurationError> Faults(IConfiguration configuration)
    {
        foreach (var provider in ((IConfigurationRoot)configuration).Providers.OfType<FileConfigurationProvider>().Where(IsEmpty))
        {
            if (_faults.TryGetValue(provider, out var fault)) yield return new ConfigurationError(PathOf(provider), null, fault);
            else if (!provider.Source.Optional) yield return new ConfigurationError(PathOf(provider), null, "is gone, or has nothing in it");
        }
    }

    /// <summary>What is wrong with a file, in a few words.</summary>
    public static string Explain(Exception error) => error switch
    {
        JsonException json => $"{JsonPositions.Explain(json)} in line {json.LineNumber + 1}",
        { InnerException: { } inner } => Explain(inner),
        _ => $"cannot be read: {error.Message.TrimEnd('.')}",
    };

    private static bool IsEmpty(FileConfigurationProvider provider) => !provider.GetChildKeys([], null).Any();

    private static string PathOf(FileConfigurationProvider provider) =>
        provider.Source.FileProvider?.GetFileInfo(provider.Source.Path ?? "").PhysicalPath ?? provider.Source.Path ?? "";

    private void OnLoadException(FileLoadExceptionContext context)
    {
        if (!_isRunning) return;
        _faults[context.Provider] = Explain(context.Exception);
        context.Ignore = true;
    }
}
