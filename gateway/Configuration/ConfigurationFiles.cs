using System.Text.Json;
using Microsoft.Extensions.Configuration.Json;

namespace DurableGateway.Configuration;

/// <summary>
/// The JSON files of the configuration. A file that cannot be read is an error at the start. Later it is reported and its previous content
/// stays in use, so that a mistake in a file does not affect a running gateway.
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

    /// <summary>From now on, a file that cannot be read is reported instead of throwing an exception.</summary>
    public void BeginToRun() => _isRunning = true;

    /// <summary>The current faults of the files.</summary>
    public static ConfigurationError[] Faults(IConfiguration configuration) =>
    [
        .. ((IConfigurationRoot)configuration).Providers.OfType<FileReader>()
            .Where(file => file.Fault is not null).Select(file => new ConfigurationError(file.FullPath, null, file.Fault!)),
    ];

    /// <summary>Explains briefly what is wrong with a file.</summary>
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

        /// <summary>A deleted file is read as empty. Both are faults if the file had settings before.</summary>
        public string? Fault => _unreadable
            ?? (Source.Optional || Data.Count > 0 || !_hadData ? null : File.Exists(FullPath) ? "is empty" : "does not exist");

        public string FullPath => Source.FileProvider?.GetFileInfo(Source.Path ?? "").PhysicalPath ?? Source.Path ?? "";

        public override void Load(Stream stream)
        {
            _unreadable = null;
            var before = Data;
            try
            {
                base.Load(stream);
                _hadData |= Data.Count > 0;

                // .NET's logging reads its section when it changes, and throws if a level is invalid.
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
