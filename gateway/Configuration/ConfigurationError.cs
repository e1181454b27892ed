namespace DurableGateway.Configuration;

/// <summary>An error in the configuration: the key, its value, and how to correct it.</summary>
internal readonly record struct ConfigurationError(string Key, string? Value, string Remedy)
{
    public override string ToString() => Value is null ? $"{Key}: {Remedy}{End}" : $"{Key}: '{Value}' {Remedy}{End}";

    private string End => Remedy.EndsWith('?') ? "" : ".";
}
