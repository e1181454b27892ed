namespace DurableGateway.Admin;

/// <summary>What the gateway does with the calls that services make.</summary>
internal enum CallTreatment
{
    /// <summary>They are forwarded as on a plain route.</summary>
    Pass,

    /// <summary>They become steps of their run.</summary>
    Remember,
}
