namespace DurableGateway.Configuration;

/// <summary>The configuration is invalid. The process lists every error and exits with status 2.</summary>
internal sealed class ConfigurationException(IReadOnlyList<ConfigurationError> errors)
    : Exception(string.Join(Environment.NewLine, errors))
{
    public ConfigurationException(string key, string? value, string remedy)
        : this([new ConfigurationError(key, value, remedy)])
    {
    }

    public IReadOnlyList<ConfigurationError> Errors { get; } = errors;
}
