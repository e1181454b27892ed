using System.Text.Json;
using Microsoft.Extensions.Configuration.Json;

namespace DurableGateway.Configuration;

/// <summary>
/// The JSON files of the configuration. At the start one that cannot be read is an error like any other. Later that is noted, and what it
/// said before stays: nothing is taken from a running gateway by a slip of the pen.
/// </summary>
internal sealed class ConfigurationFiles
{
    private bool _isRunning;

    public void Add(IConfigurationBuilder sources, string path, bool optional, bool reload)
    {
        var source = new FileSource(this) { Path = path, Optional = optional, ReloadOnChange = reload };
        source.ResolveFileProvider();
        sources.Add(source);
    }

    /// <summary>From here on a file that cannot be read is a fault, not an exception.</summary>
    public void BeginToRun() => _isRunning = true;

    /// <summary>What is wrong with the files as they are now.</summary>
    public static ConfigurationError[] Faults(IConfiguration configuration) =>
    [
        .. ((IConfigurationRoot)configuration).Providers.OfType<FileReader>()
            .Where(file => file.Fault is not null).Select(file => new ConfigurationError(file.FullPath, null, file.Fault!)),
    ];

    /// <summary>What is wrong with a file, in a few words.</summary>
    public static string Explain(Exception error) => error switch
    {
        JsonException json => $"{JsonPositions.Explain(json)}, in line {json.LineNumber + 1}",
        { InnerException: { } inner } => Explain(inner),
        _ => $"cannot be read: {error.Message.TrimEnd('.')}",
    };

    private sealed class FileSource(ConfigurationFiles files) : JsonConfigurationSource
    {
        public override IConfigurationProvider Build(IConfigurationBuilder builder)
        {
            EnsureDefaults(builder);
            return new FileReader(this, files);
        }
    }

    private sealed class FileReader(FileSource source, ConfigurationFiles files) : JsonConfigurationProvider(source)
    {
        private string? _unreadable;
        private bool _hadData;

        /// <summary>A file that is gone is read as empty; neither is what anybody wants who had settings in it.</summary>
        public string? Fault => _unreadable
            ?? (Source.Optional || Data.Count > 0 || !_hadData ? null : File.Exists(FullPath) ? "has nothing in it" : "is gone");

        public string FullPath => Source.FileProvider?.GetFileInfo(Source.Path ?? "").PhysicalPath ?? Source.Path ?? "";

        public override void Load(Stream stream)
        {
            _unreadable = null;
            var before = Data;
            try
            {
                base.Load(stream);
                _hadData |= Data.Count > 0;

                // The logging of .NET reads its section by itself as it changes, and throws at a level that is none.
                if (files._isRunning && LoggingChecks.Check(Data).ToArray() is [var wrong, ..])
                    (_unreadable, Data) = ($"has {wrong}", before);
            }
            catch (Exception e) when (files._isRunning && e is FormatException or JsonException or IOException)
            {
                _unreadable = Explain(e);
            }
        }
    }
}
