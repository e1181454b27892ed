namespace DurableGateway.Configuration;

/// <summary>One thing that is wrong in the configuration: which key, which value, and what would be right.</summary>
internal readonly record struct ConfigurationError(string Key, string? Value, string Remedy)
{
    public override string ToString() => Value is null ? $"{Key}: {Remedy}{End}" : $"{Key}: '{Value}' {Remedy}{End}";

    private string End => Remedy.EndsWith('?') ? "" : ".";
}

/// <summary>The configuration cannot be used. The process lists every error and exits with status 2.</summary>
internal sealed class ConfigurationException(IReadOnlyList<ConfigurationError> errors)
    : Exception(string.Join(Environment.NewLine, errors))
{
    public ConfigurationException(string key, string? value, string remedy)
        : this([new ConfigurationError(key, value, remedy)])
    {
    }

    public IReadOnlyList<ConfigurationError> Errors { get; } = errors;
}
